import { findByEnvironment, isAlive, signal, waitUntil } from "@millrace/provision";

const drainTimeoutMs = 10_000;
const killTimeoutMs = 5_000;

/** The variable in the environment of each of a house's processes that tells whose they are. */
export const houseVariable = "MILLRACE_HOUSE";

/**
 * Ends what an earlier supervisor of this house left behind. Its processes carry the house's id in their environment, so
 * that a process id which means another program by now is never touched. After a `kill -9` of the supervisor they are
 * ending already, by the signal that the kernel sends them then.
 */
export async function endLeftovers(houseId: string, timeoutMs = drainTimeoutMs): Promise<number> {
  const left = findByEnvironment(houseVariable, houseId);
  if (left.length === 0) {
    return 0;
  }
  left.forEach((pid) => signal(pid, "SIGTERM"));
  if (!(await allEnd(left, timeoutMs))) {
    const stubborn = left.filter(isAlive);
    stubborn.forEach((pid) => signal(pid, "SIGKILL"));
    await allEnd(stubborn, killTimeoutMs);
  }
  return left.length;
}

function allEnd(pids: readonly number[], timeoutMs: number): Promise<boolean> {
  return waitUntil(() => !pids.some(isAlive), { what: "end of old processes", timeoutMs }).then(
    () => true,
    () => false,
  );
}
