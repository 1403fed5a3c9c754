import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionContext,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyField, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, EditorState, Prec, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef, type RefObject } from "react";
import { nonce } from "../../app/nonce.ts";
import { suggest, type CodeContext } from "./completions.ts";
import { codeColours, codeTheme } from "./code-theme.ts";

/** A mistake at a place of the text. */
export interface Mark {
  /** From 1. */
  readonly line: number;
  /** From 1; 0 for the whole line. */
  readonly column: number;
  readonly message: string;
}

export interface CodeEditorProps {
  /** Which text it is: each has its own history and place. */
  readonly id: string;
  readonly label: string;
  readonly language: "python" | "json";
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly marks?: readonly Mark[];
  readonly context?: CodeContext;
  /** Line to show, from 1. */
  readonly line?: number | undefined;
}

const external = Annotation.define<boolean>();
/** Editors that were left, by their text: whoever comes back finds history and place again. */
const left = new Map<string, EditorState>();
const LEFT_MAX = 100;

/** An editor for code. Loaded when one is first shown. */
export function CodeEditor(props: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView>(null);
  const now = useRef(props);
  useLayoutEffect(() => {
    now.current = props;
  });
  const { id, value, marks, line } = props;

  useEffect(() => {
    const view = new EditorView({ parent: place.current!, state: left.get(id) ?? newState(now) });
    // Its listeners are those of the page that it was left on.
    if (left.has(id)) view.setState(revived(left.get(id)!, now));
    editor.current = view;
    return () => {
      keep(id, view.state);
      view.destroy();
      editor.current = null;
    };
  }, [id]);

  useEffect(() => {
    const view = editor.current;
    if (view === null || view.state.doc.toString() === value) return;
    view.dispatch({
      changes: { from: 0, to: view.state.doc.length, insert: value },
      selection: { anchor: Math.min(view.state.selection.main.head, value.length) },
      annotations: external.of(true),
    });
  }, [id, value]);

  useEffect(() => {
    const view = editor.current;
    if (view !== null) view.dispatch(setDiagnostics(view.state, diagnosticsOf(view.state, marks ?? [])));
  }, [id, marks]);

  useEffect(() => {
    const view = editor.current;
    if (view === null || line === undefined || line < 1) return;
    const at = view.state.doc.line(Math.min(line, view.state.doc.lines));
    view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
    view.focus();
  }, [id, line]);

  return <div ref={place} className="code-editor" />;
}

function keep(id: string, state: EditorState): void {
  left.delete(id);
  left.set(id, state);
  const [oldest] = left.keys();
  if (left.size > LEFT_MAX && oldest !== undefined) left.delete(oldest);
}

type Props = RefObject<CodeEditorProps>;

function newState(now: Props): EditorState {
  return EditorState.create({ doc: now.current.value, extensions: extensionsOf(now) });
}

/** The same text, history and place, with the listeners of this page. */
function revived(state: EditorState, now: Props): EditorState {
  const fields = { history: historyField };
  return EditorState.fromJSON(state.toJSON(fields), { extensions: extensionsOf(now) }, fields);
}

function extensionsOf(now: Props): Extension {
  const { language, label } = now.current;
  return [
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of({
      "aria-label": label,
      tabindex: "0",
      "aria-description": "Escape, then Tab leaves the editor",
    }),
    language === "python" ? [python(), indentUnit.of("    ")] : [json(), indentUnit.of("  ")],
    EditorState.tabSize.of(4),
    ...[lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), foldGutter(), drawSelection()],
    ...[indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(), highlightSelectionMatches()],
    ...[search({ top: true }), lintGutter(), syntaxHighlighting(codeColours), codeTheme],
    autocompletion({ override: language === "python" ? [completionSource(now)] : [] }),
    // What the page does with these keys is the page's.
    Prec.highest(
      keymap.of(["Mod-Enter", "Mod-s", "Mod-d"].map((key) => ({ key, run: () => true, stopPropagation: false }))),
    ),
    keymap.of([
      ...[...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap],
      ...[...completionKeymap, indentWithTab],
    ]),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged || update.transactions.some((each) => each.annotation(external))) return;
      now.current.onChange(update.state.doc.toString());
    }),
  ];
}

function completionSource(now: Props) {
  return (completion: CompletionContext) => {
    const { context } = now.current;
    if (context === undefined) return null;
    const line = completion.state.doc.lineAt(completion.pos);
    const found = suggest(line.text.slice(0, completion.pos - line.from), context);
    if (found === undefined || found.options.length === 0) return null;
    const rest = line.text.slice(completion.pos - line.from);
    return {
      from: completion.pos - found.replace,
      filter: false,
      options: found.options.map(({ label, detail, info, apply }) => ({
        ...{ label, detail, type: "property" },
        ...(info !== undefined && { info }),
        // Brackets and quotes that the editor has closed by itself are not written twice.
        apply: (view: EditorView, _: unknown, from: number, to: number) => {
          const doubled = overlap(apply, rest);
          view.dispatch({
            changes: { from, to: to + doubled, insert: apply },
            selection: { anchor: from + apply.length },
            userEvent: "input.complete",
          });
        },
      })),
    };
  };
}

/** How many characters of `rest` are what `text` ends in. */
function overlap(text: string, rest: string): number {
  for (let length = Math.min(3, text.length, rest.length); length > 0; length--) {
    if (/^["')\]]+$/.test(rest.slice(0, length)) && text.endsWith(rest.slice(0, length))) return length;
  }
  return 0;
}

function diagnosticsOf({ doc }: EditorState, marks: readonly Mark[]): Diagnostic[] {
  return marks.map(({ line, column, message }) => {
    const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
    // What is missing at the end of a line is shown at its last character.
    const from = Math.max(at.from, Math.min(at.to - 1, at.from + column - 1));
    return { from, to: column > 0 ? Math.min(at.to, from + 1) : at.to, severity: "error", message };
  });
}
