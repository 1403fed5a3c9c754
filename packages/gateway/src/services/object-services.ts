import type { BusSubscription, Channels } from "@millrace/bus";
import { PlatformError, verifyRunnersToken, type RunTokenClaims, type RunTokenMac } from "@millrace/core";
import { control } from "@millrace/protocol";
import { OBJECT_PART_BYTES_MAX, type ObjectOwner, type Objects } from "@millrace/store";
import type { RunFence } from "./run-fence.ts";

/** Most earlier objects that one object may stand for. */
const SUPERSEDED_MAX = 16;
const HELD_MAX = 1_000;

export interface ObjectServicesOptions {
  readonly channels: Pick<Channels, "readObject" | "writeObject">;
  readonly objects: Objects;
  readonly mac: RunTokenMac;
  readonly fence: Pick<RunFence, "assertNotTaken">;
  /** Largest object that a runner may write. */
  readonly bytesMax: number;
}

/**
 * Large payloads, and what was in `/tmp`, on their way between runners and the record, piece by piece. A runner reads only
 * what its run retains, and what it writes belongs to its run's project: the run token alone says which those are.
 */
export class ObjectServices {
  readonly #options: ObjectServicesOptions;
  /** Objects that were seen to be a run's own. */
  readonly #held = new Set<string>();
  #subscriptions: BusSubscription[] = [];

  constructor(options: ObjectServicesOptions) {
    this.#options = options;
  }

  start(): void {
    const { channels } = this.#options;
    this.#subscriptions = [
      channels.readObject().serve((request, { runner }) => this.read(request, runner)),
      channels.writeObject().serve((request, { runner }) => this.write(request, runner)),
    ];
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  async read(request: control.ReadObjectRequest, runner: string): Promise<control.ReadObjectResponse> {
    const { objects } = this.#options;
    const claims = this.#verify(request.runToken, runner);
    await this.#options.fence.assertNotTaken(claims);
    const { runId } = claims;
    const { objectId, offset } = request;
    await this.#assertHeld(runId, objectId);
    const end = offset + Math.min(request.length, OBJECT_PART_BYTES_MAX);
    const pieces: Buffer[] = [];
    for await (const piece of objects.read(objectId, { start: offset, end })) pieces.push(piece);
    return { content: Buffer.concat(pieces), error: undefined };
  }

  /** What a run holds it holds until its end, so that only the first piece of an object costs a look. */
  async #assertHeld(runId: string, objectId: string): Promise<void> {
    const key = `${runId}/${objectId}`;
    if (this.#held.has(key)) return;
    const { objects } = this.#options;
    const kinds = ["run", "tmp"] as const;
    const held = await Promise.all(kinds.map((kind) => objects.isRetained({ kind, id: runId }, objectId)));
    if (!held.includes(true)) {
      throw new PlatformError("NotFound", "OBJECT_NOT_FOUND", "the run does not hold this object");
    }
    this.#held.add(key);
    if (this.#held.size > HELD_MAX) this.#held.delete(this.#held.values().next().value!);
  }

  async write(request: control.WriteObjectRequest, runner: string): Promise<control.WriteObjectResponse> {
    const { runToken, objectId, position, content, end } = request;
    const { objects, bytesMax } = this.#options;
    const claims = this.#verify(runToken, runner);
    await this.#options.fence.assertNotTaken(claims);
    if (position + content.length > bytesMax || (end !== undefined && end.size > bytesMax)) {
      throw new PlatformError(
        "InvalidArgument",
        "OBJECT_TOO_LARGE",
        `an object of a run has at most ${bytesMax} bytes`,
      );
    }
    if (end === undefined) await objects.writePart({ projectId: claims.projectId, id: objectId, position, content });
    else await this.#finish(claims, objectId, end);
    return { error: undefined };
  }

  async #finish({ projectId, runId }: RunTokenClaims, id: string, end: control.ObjectEnd): Promise<void> {
    const { objects } = this.#options;
    const owner: ObjectOwner = { kind: end.use === control.ObjectUse.TMP ? "tmp" : "run", id: runId };
    await objects.finish({ projectId, id, size: end.size, sha256: end.sha256.toString("hex"), owner });
    if (end.use !== control.ObjectUse.TMP || end.superseded.length === 0) return;
    await objects.release(owner, end.superseded.filter((other) => other !== id).slice(0, SUPERSEDED_MAX));
  }

  #verify(runToken: string, runner: string): RunTokenClaims {
    return verifyRunnersToken(runToken, runner, this.#options.mac, Date.now());
  }
}
