import type { session } from "@millrace/protocol";

import { OutgoingFrames, type FrameSink, type OutgoingLimits } from "./session-stream.ts";

/** The only version of the contract that this runner speaks. */
export const PROTOCOL_VERSION = 1;

interface LoadedVersion {
  runs: number;
}

/**
 * One open session with a worker: which versions the worker knows, how many runs it has, what it holds.
 *
 * A session is opened by the worker, is ready once it has said hello, and ends for good when the stream or the process
 * ends; all its runs end with it.
 */
export class WorkerSession {
  readonly workerId: string;
  readonly pid: number;
  readonly pythonMinor: string;
  /** Told by the worker; stale by up to 200 ms, corrected here for what was started since. */
  inventory: session.Inventory = {
    warmVersions: [],
    environments: 0,
    blankEnvironments: 0,
    memoryBytes: 0,
    crowded: false,
  };
  runs = 0;
  readonly #outgoing: OutgoingFrames;
  readonly #versionsMax: number;
  /** In order of use, the latest last. */
  readonly #versions = new Map<string, LoadedVersion>();

  constructor(
    hello: session.Hello,
    sink: FrameSink,
    limits: OutgoingLimits & { readonly versionsMax: number },
    onOverflow: () => void,
  ) {
    this.workerId = hello.workerId;
    this.pid = hello.pid;
    this.pythonMinor = hello.pythonMinor;
    this.#versionsMax = limits.versionsMax;
    this.#outgoing = new OutgoingFrames(sink, limits, onOverflow);
  }

  /** Idle environments of a version, as far as known. */
  idle(versionId: string): number {
    return this.inventory.warmVersions.find((warm) => warm.versionId === versionId)?.idle ?? 0;
  }

  send(frame: NonNullable<session.RunnerFrame["frame"]>): void {
    this.#outgoing.send(frame);
  }

  /** Starts a run, behind its version when the worker does not know that yet. */
  startRun(start: session.StartRun, version: session.LoadVersion): void {
    this.#use(version).runs += 1;
    this.runs += 1;
    const warm = this.inventory.warmVersions.find((one) => one.versionId === start.versionId);
    if (warm !== undefined && warm.idle > 0) warm.idle -= 1;
    this.#outgoing.send({ $case: "startRun", value: start });
  }

  /** A run of this version is no longer here. */
  runLeft(versionId: string): void {
    this.runs -= 1;
    const loaded = this.#versions.get(versionId);
    if (loaded !== undefined) loaded.runs -= 1;
  }

  /** The stream takes more. */
  drained(): void {
    this.#outgoing.drained();
  }

  close(): void {
    this.#outgoing.close();
  }

  #use(version: session.LoadVersion): LoadedVersion {
    const known = this.#versions.get(version.versionId);
    const loaded = known ?? { runs: 0 };
    if (known !== undefined) {
      this.#versions.delete(version.versionId);
    } else {
      this.#makeRoom();
      this.#outgoing.send({ $case: "loadVersion", value: version });
    }
    this.#versions.set(version.versionId, loaded);
    return loaded;
  }

  #makeRoom(): void {
    if (this.#versions.size < this.#versionsMax) return;
    for (const [versionId, loaded] of this.#versions) {
      if (loaded.runs > 0) continue;
      this.#versions.delete(versionId);
      this.#outgoing.send({ $case: "unloadVersion", value: { versionId } });
      return;
    }
  }
}
