const timeoutMs = 1_000;

/** Whether a process says on its health port that it is ready. */
export async function isReadyOverHttp(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** A worker, as its runner reports it. */
export interface WorkerStatus {
  readonly pid: number;
  readonly ready: boolean;
}

/** The workers of the runner with this health port; none while the runner is down. */
export async function readWorkers(port: number): Promise<readonly WorkerStatus[]> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(timeoutMs) });
    const { workers } = (await response.json()) as { workers?: readonly WorkerStatus[] };
    return workers ?? [];
  } catch {
    return [];
  }
}
