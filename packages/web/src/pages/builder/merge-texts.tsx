import { python } from "@codemirror/lang-python";
import { syntaxHighlighting } from "@codemirror/language";
import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { nonce } from "../../app/nonce.ts";
import { codeColours, codeTheme } from "./code-theme.ts";

export interface MergeTextsProps {
  readonly before: string;
  readonly after: string;
}

const KEPT_LINES = 3;

/** Two texts beside each other; parts that are the same are folded away. */
export function MergeTexts({ before, after }: MergeTextsProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const extensions = (label: string) => [
      EditorView.cspNonce.of(nonce),
      EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
      ...[EditorState.readOnly.of(true), EditorView.lineWrapping, lineNumbers(), python()],
      ...[syntaxHighlighting(codeColours), codeTheme],
    ];
    const view = new MergeView({
      parent: place.current!,
      a: { doc: before, extensions: extensions("Before") },
      b: { doc: after, extensions: extensions("After") },
      collapseUnchanged: { margin: KEPT_LINES, minSize: 2 * KEPT_LINES },
      gutter: true,
    });
    return () => view.destroy();
  }, [before, after]);
  return <div ref={place} className="merge" />;
}
