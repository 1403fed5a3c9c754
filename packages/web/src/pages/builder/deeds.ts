/** Something that can be taken back. */
export interface Deed {
  readonly label: string;
  readonly undo: () => Promise<void> | void;
  readonly redo: () => Promise<void> | void;
}

/** What a person has done, to be taken back and done again. */
export class Deeds {
  readonly #undo: Deed[] = [];
  readonly #redo: Deed[] = [];

  get undoLabel(): string | undefined {
    return this.#undo.at(-1)?.label;
  }

  get redoLabel(): string | undefined {
    return this.#redo.at(-1)?.label;
  }

  did(deed: Deed): void {
    this.#undo.push(deed);
    this.#redo.length = 0;
  }

  /** Takes the newest back. One that cannot be taken back any more is forgotten. */
  undo(): Promise<void> {
    return move(this.#undo, this.#redo, (deed) => deed.undo());
  }

  redo(): Promise<void> {
    return move(this.#redo, this.#undo, (deed) => deed.redo());
  }
}

async function move(from: Deed[], to: Deed[], act: (deed: Deed) => Promise<void> | void): Promise<void> {
  const deed = from.pop();
  if (deed === undefined) return;
  await act(deed);
  to.push(deed);
}
