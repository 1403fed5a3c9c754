import { workflowApi } from "@millrace/protocol";
import type { CommandContext } from "../command-context.ts";
import { sanitizeLine } from "./sanitize.ts";

const STAGES: Readonly<Partial<Record<workflowApi.DeployStage, string>>> = {
  [workflowApi.DeployStage.RESOLVING]: "resolving packages",
  [workflowApi.DeployStage.DOWNLOADING]: "downloading",
  [workflowApi.DeployStage.INSTALLING]: "installing",
};

/** Says how far a deploy is, a line for each step forward, and keeps what the author should know. */
export class DeployReport {
  readonly #context: CommandContext;
  readonly notes: workflowApi.DeployNote[] = [];
  #said = "";

  constructor(context: CommandContext) {
    this.#context = context;
  }

  add({ stage, done, total, notes }: workflowApi.DeployProgress): void {
    for (const note of notes) {
      this.notes.push(note);
      const place = note.file === "" ? "" : `${note.file}:${note.line}: `;
      this.#context.say(sanitizeLine(`note: ${place}${note.message}`));
    }
    const text = STAGES[stage];
    if (text === undefined) return;
    const line = total > 0 ? `${text} ${done}/${total}` : text;
    if (line !== this.#said) this.#context.say(line);
    this.#said = line;
  }
}
