import type { VersionBody, Workflows } from "@millrace/store";

/** Bodies of versions, which never change, so that a house of many runners asks the database once for each. */
export class VersionCache {
  readonly #bodies = new Map<string, Promise<VersionBody>>();
  readonly #workflows: Pick<Workflows, "getVersion">;
  readonly #entriesMax: number;

  constructor(workflows: Pick<Workflows, "getVersion">, entriesMax: number) {
    this.#workflows = workflows;
    this.#entriesMax = entriesMax;
  }

  /** Throws `VERSION_NOT_FOUND`, and whatever the database throws; neither is remembered. */
  get(versionId: string): Promise<VersionBody> {
    const known = this.#bodies.get(versionId);
    const body = known ?? this.#workflows.getVersion(versionId);
    // Moving an entry to the end makes the first one the longest unused.
    this.#bodies.delete(versionId);
    this.#bodies.set(versionId, body);
    if (known === undefined) {
      body.catch(() => {
        if (this.#bodies.get(versionId) === body) this.#bodies.delete(versionId);
      });
    }
    if (this.#bodies.size > this.#entriesMax) this.#bodies.delete(this.#bodies.keys().next().value!);
    return body;
  }
}
