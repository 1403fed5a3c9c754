import * as step from "@millrace/protocol/step";

import type { RunSecrets } from "./run-secrets.ts";

/** Text that waits for the end of a line at most: several times the longest form of the longest secret. */
const HELD_MAX = 512 * 1024;

interface Group {
  readonly lines: step.LogLine[];
  /** The line's beginning has left already. */
  readonly isRest: boolean;
}

/** Masks a line that stands for itself. */
export function maskLine(line: step.LogLine, secrets: RunSecrets): void {
  const { ERROR, SYSTEM } = step.LogStream;
  // These two may have been shortened on their way.
  if (line.stream === ERROR || line.stream === SYSTEM) {
    line.text = secrets.maskShortened(line.text, { end: line.stream === SYSTEM });
  } else line.text = secrets.mask(line.text);
}

/**
 * Lines that were split because they are long, held until all of their pieces are there: a secret may reach from one into
 * the next. What comes behind them waits too, so that lines leave in their order.
 */
export class SplitLines {
  /** Lines that are not complete, by stream. */
  readonly #open = new Map<step.LogStream, Group>();
  #lines: step.LogLine[] = [];
  #held = 0;

  /** True when nothing waits, and nothing that has left goes on. */
  get isIdle(): boolean {
    return this.#lines.length === 0 && this.#open.size === 0;
  }

  /** Takes a line; returns those that can leave now, masked. */
  add(line: step.LogLine, secrets: RunSecrets): readonly step.LogLine[] {
    this.#lines.push(line);
    this.#held += line.text.length;
    const group = this.#open.get(line.stream);
    if (line.continued) {
      if (group === undefined) this.#open.set(line.stream, { lines: [line], isRest: false });
      else group.lines.push(line);
    } else if (group === undefined) maskLine(line, secrets);
    else {
      group.lines.push(line);
      this.#open.delete(line.stream);
      maskGroup(group, secrets, false);
    }
    return this.#open.size === 0 || this.#held > HELD_MAX ? this.release(secrets) : [];
  }

  /** Everything that waits, masked; what comes of an unfinished line later is known to be the rest of it. */
  release(secrets: RunSecrets): readonly step.LogLine[] {
    for (const [stream, group] of this.#open) {
      maskGroup(group, secrets, true);
      this.#open.set(stream, { lines: [], isRest: true });
    }
    const lines = this.#lines;
    [this.#lines, this.#held] = [[], 0];
    return lines;
  }
}

function maskGroup({ lines, isRest }: Group, secrets: RunSecrets, goesOn: boolean): void {
  const texts = lines.map(({ text }) => text);
  for (const [index, text] of secrets.maskPieces(texts, { start: isRest, end: goesOn }).entries()) {
    lines[index]!.text = text;
  }
}
