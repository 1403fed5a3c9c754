import { ChevronRight, Copy } from "lucide-react";
import { useState } from "react";
import type { DraftTest } from "../../api/generated/types.ts";
import { toast } from "../../ui/toast.tsx";
import { preview } from "./completions.ts";
import { pathTo } from "./python-path.ts";
import { WholeRun } from "./whole-run.tsx";
import { valuesOf } from "./use-code-context.ts";

/** Items of a list or dict that are drawn before somebody asks for more. */
const SHOWN_ITEMS = 100;
const OPEN_DEPTH = 2;
const LONG_TEXT = 2_000;

/** What a step handed on, as a tree to copy paths from. */
export function ExportTree({ step, test }: { readonly step: string; readonly test: DraftTest | undefined }) {
  if (test === undefined) return <p className="results-none">The step still runs.</p>;
  const values = valuesOf(test);
  if (Object.keys(values).length === 0) {
    return (
      <p className="results-none">
        The step returned and exported nothing here. Large values are kept with the run: <WholeRun run={test.run} />.
      </p>
    );
  }
  return (
    <div className="tree" role="tree" aria-label="Exports" tabIndex={0}>
      {Object.entries(values).map(([name, value]) => (
        <TreeNode key={name} name={name} value={value} path={["pd.steps", step, name]} depth={0} />
      ))}
    </div>
  );
}

interface TreeNodeProps {
  readonly name: string;
  readonly value: unknown;
  readonly path: readonly (string | number)[];
  readonly depth: number;
}

function TreeNode({ name, value, path, depth }: TreeNodeProps) {
  const inner = typeof value === "object" && value !== null;
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(SHOWN_ITEMS);
  const entries = inner ? Object.entries(value) : [];
  const isList = Array.isArray(value);
  const text = pathTo(path);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => toast(`Copied ${text}`));
  };
  return (
    <div role="treeitem" aria-expanded={inner ? open : undefined} aria-selected={false} className="tree-node">
      <div className="tree-line" style={{ paddingLeft: 8 + depth * 16 }}>
        {inner ? (
          <button
            type="button"
            className="tree-fold"
            aria-label={`${open ? "Close" : "Open"} ${name}`}
            onClick={() => setOpen(!open)}
          >
            <ChevronRight size={14} aria-hidden className={open ? "turned" : ""} />
          </button>
        ) : (
          <span className="tree-fold" />
        )}
        <span className="tree-name">{name}</span>
        <Value value={value} />
        <button type="button" className="tree-copy" title={text} onClick={copy}>
          <Copy size={13} aria-hidden />
          <span>Copy path</span>
          <span className="visually-hidden">{text}</span>
        </button>
      </div>
      {inner && open && (
        <div role="group">
          {entries.slice(0, shown).map(([key, item]) => (
            <TreeNode
              key={key}
              name={key}
              value={item}
              path={[...path, isList ? Number(key) : key]}
              depth={depth + 1}
            />
          ))}
          {entries.length > shown && (
            <button type="button" className="tree-more" onClick={() => setShown(shown + 10 * SHOWN_ITEMS)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Value({ value }: { readonly value: unknown }) {
  if (typeof value === "object" && value !== null) return <span className="tree-kind">{preview(value)}</span>;
  if (typeof value === "string") {
    return (
      <span className="tree-value string">{`"${value.length > LONG_TEXT ? `${value.slice(0, LONG_TEXT)}…` : value}"`}</span>
    );
  }
  return <span className={`tree-value ${value === null ? "none" : typeof value}`}>{pythonWord(value)}</span>;
}

function pythonWord(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return String(value);
}
