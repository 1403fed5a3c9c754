import { useEffect, useRef } from "react";
import "./source-code.css";

export interface SourceCodeProps {
  readonly text: string;
  /** The line that is marked, from 1. */
  readonly mark: number | undefined;
  readonly label: string;
  /** Only so many lines around the mark; undefined for all. */
  readonly around?: number;
}

/** Python to be read, with one line marked. */
export function SourceCode({ text, mark, label, around }: SourceCodeProps) {
  const marked = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (around === undefined) marked.current?.scrollIntoView({ block: "nearest" });
  }, [around, mark]);
  const lines = text.replace(/\n$/, "").split("\n");
  const first = around === undefined || mark === undefined ? 0 : Math.max(0, mark - 1 - around);
  const shown = lines.slice(first, around === undefined || mark === undefined ? undefined : mark + around);
  return (
    <div className="source" role="region" aria-label={`Code of ${label}`} tabIndex={0}>
      {shown.map((line, index) => {
        const number = first + index + 1;
        const isMarked = number === mark;
        return (
          <div
            key={number}
            ref={isMarked ? marked : undefined}
            className={isMarked ? "source-line marked" : "source-line"}
          >
            <span className="source-number">
              {isMarked && <span className="visually-hidden">failed here: </span>}
              {number}
            </span>
            <span className="source-text">{colour(line)}</span>
          </div>
        );
      })}
    </div>
  );
}

/** Comments, texts and words of the language, line by line: enough to read by. */
const TOKEN =
  /(#.*$)|("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|\b(def|class|return|raise|if|elif|else|for|while|in|not|and|or|is|import|from|as|with|try|except|finally|lambda|yield|async|await|pass|break|continue|None|True|False|global|nonlocal|del|assert|match|case)\b/g;

function colour(line: string) {
  const parts = [];
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    const [text, comment, string] = match;
    if (match.index > at) parts.push(line.slice(at, match.index));
    const kind = comment !== undefined ? "comment" : string !== undefined ? "string" : "word";
    parts.push(
      <span key={match.index} className={`source-${kind}`}>
        {text}
      </span>,
    );
    at = match.index + text.length;
  }
  parts.push(line.slice(at));
  return parts;
}
