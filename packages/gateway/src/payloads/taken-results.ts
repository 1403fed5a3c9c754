import {
  parsePayloadReference,
  PlatformError,
  withTmp,
  type messages,
  type StepResult,
  type TmpSnapshot,
} from "@millrace/core";
import type { Objects } from "@millrace/store";

const TMP_GONE = "the run that this one replays had ended, and what it had in /tmp is not kept for longer";
const NOTHING = new Uint8Array();

/** What is large of results that a run takes over from an earlier one: from now on it is the new run's, too. */
export class TakenResults {
  readonly #objects: Pick<Objects, "retain">;

  constructor(objects: Pick<Objects, "retain">) {
    this.#objects = objects;
  }

  /**
   * The submit as it may go out: its run holds what it takes over, before anything says so.
   *
   * @throws PlatformError `RESULTS_GONE`
   */
  async keepAgain(submit: messages.Submit, projectId: string): Promise<messages.Submit> {
    const { takenOver, runId } = submit;
    if (takenOver === undefined) return submit;
    const ids = [...new Set(takenOver.flatMap(referencesOf))];
    if (ids.length > 0 && !(await this.#retain(projectId, { kind: "run", id: runId }, ids))) {
      const message = "a large result of a step above is not kept any more; begin at that step or above it";
      throw new PlatformError("FailedPrecondition", "RESULTS_GONE", message);
    }
    return { ...submit, takenOver: withTmp(takenOver, await this.#tmpOf(submit, projectId)) };
  }

  /** Files in `/tmp` are kept until a run's end, and for a while behind it. */
  async #tmpOf({ takenOver = [], runId }: messages.Submit, projectId: string): Promise<TmpSnapshot | undefined> {
    const tmp = takenOver.findLast((step) => step.tmp !== undefined)?.tmp;
    const reference = tmp && parsePayloadReference(tmp.content);
    if (reference === undefined) return tmp;
    const isThere = await this.#retain(projectId, { kind: "tmp", id: runId }, [reference.objectId]);
    return isThere ? tmp : { content: NOTHING, unsaved: TMP_GONE };
  }

  async #retain(projectId: string, owner: Parameters<Objects["retain"]>[1], ids: readonly string[]): Promise<boolean> {
    try {
      await this.#objects.retain(projectId, owner, ids);
      return true;
    } catch (thrown) {
      if (thrown instanceof PlatformError && thrown.reason === "OBJECT_NOT_FOUND") return false;
      throw thrown;
    }
  }
}

function referencesOf({ exportsJson, returnValueJson }: StepResult): string[] {
  return [exportsJson, returnValueJson]
    .map((value) => value && parsePayloadReference(value)?.objectId)
    .filter((id) => id !== undefined);
}
