import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight, Copy, Route } from "lucide-react";
import { useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { IconButton } from "./button.tsx";
import {
  ExactNumber,
  isContainer,
  partCount,
  pathOf,
  toggleOf,
  treeRows,
  writeJson,
  type JsonValue,
  type Toggled,
  type TreeRow,
} from "./json-tree.ts";
import { toast } from "./toast.tsx";
import "./json-tree.css";

const ROW_PX = 24;
const SHOWN_CHARACTERS = 160;
const SHOWN_TEXT_CHARACTERS = 20_000;

export interface JsonTreeProps {
  readonly value: JsonValue;
  /** What the tree is of. */
  readonly label: string;
  /** How a step reads the root, such as `pd.steps["fetch"]`. */
  readonly path: string;
}

/** A JSON value as a tree, however large: only the lines that can be seen are drawn. Copies values, and the paths to them. */
export function JsonTree({ value, label, path }: JsonTreeProps) {
  const [toggled, setToggled] = useState<Toggled>(new Set());
  const [active, setActive] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const prefix = useId();
  const rows = useMemo(() => treeRows(value, toggled), [value, toggled]);
  const activeIndex = Math.min(active, rows.length - 1);
  const lines = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
    // Only an open text is higher than a line, so only its height has to be remembered with it.
    getItemKey: (index) => (isOpenText(rows[index]!) ? pathOf(rows[index]!, path) : index),
  });
  const toggle = (index: number): void => {
    const row = rows[index]!;
    setActive(index);
    scroller.current?.focus({ preventScroll: true });
    if (!row.opens) return;
    const next = new Set(toggled);
    const mark = toggleOf(row);
    if (!next.delete(mark)) next.add(mark);
    setToggled(next);
  };
  const go = (index: number): void => {
    const goal = Math.min(rows.length - 1, Math.max(0, index));
    setActive(goal);
    lines.scrollToIndex(goal);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    const row = rows[activeIndex]!;
    if (event.key === "ArrowDown") go(activeIndex + 1);
    else if (event.key === "ArrowUp") go(activeIndex - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(rows.length - 1);
    else if (event.key === "ArrowRight" && row.open) go(activeIndex + 1);
    else if (event.key === "ArrowLeft" && !row.open) go(parentOf(rows, activeIndex));
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") toggle(activeIndex);
    else if (event.key === "Enter" || event.key === " ") toggle(activeIndex);
    else if (event.key === "c") copyPath(row, path);
    else if (event.key === "v") copyValue(row);
    else return;
    event.preventDefault();
  };
  const items = lines.getVirtualItems();
  const isActiveDrawn = items.some(({ index }) => index === activeIndex);
  return (
    <div
      ref={scroller}
      className="json-tree"
      role="tree"
      aria-label={label}
      aria-activedescendant={isActiveDrawn ? `${prefix}${activeIndex}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: lines.getTotalSize(), position: "relative" }}>
        {items.map(({ index, key, start }) => (
          // Its keys are those of the tree, which has the focus.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={key}
            ref={lines.measureElement}
            data-index={index}
            id={`${prefix}${index}`}
            role="treeitem"
            tabIndex={-1}
            aria-level={rows[index]!.depth + 1}
            aria-selected={index === activeIndex}
            aria-expanded={rows[index]!.opens ? rows[index]!.open : undefined}
            className={index === activeIndex ? "json-row active" : "json-row"}
            style={{ transform: `translateY(${start}px)`, paddingLeft: 6 + rows[index]!.depth * 16 }}
            onClick={() => toggle(index)}
          >
            <TreeLine row={rows[index]!} path={path} />
          </div>
        ))}
      </div>
    </div>
  );
}

function isOpenText({ open, value }: TreeRow): boolean {
  return open && typeof value === "string";
}

function parentOf(rows: readonly TreeRow[], index: number): number {
  const { depth } = rows[index]!;
  let at = index;
  while (at > 0 && rows[at]!.depth >= depth) at -= 1;
  return at;
}

function copyText(text: string, what: string): void {
  navigator.clipboard.writeText(text).then(
    () => toast(`Copied ${what}`),
    () => toast("The browser does not let this page copy", "bad"),
  );
}

function copyPath(row: TreeRow, root: string): void {
  const path = pathOf(row, root);
  copyText(path, path.length > 80 ? "the path" : path);
}

function copyValue({ value }: TreeRow): void {
  copyText(typeof value === "string" ? value : writeJson(value, 2), "the value");
}

function TreeLine({ row, path }: { readonly row: TreeRow; readonly path: string }) {
  const { name, value, opens, open } = row;
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <>
      <span className="json-line">
        <span className="json-fold" aria-hidden>
          {opens && <Chevron size={14} />}
        </span>
        {name !== undefined && <span className={typeof name === "number" ? "json-index" : "json-key"}>{name}</span>}
        <Preview value={value} open={open} />
        <span className="json-copies">
          <IconButton
            kind="plain"
            label="Copy the path"
            tabIndex={-1}
            icon={<Route size={13} aria-hidden />}
            onClick={(event) => {
              event.stopPropagation();
              copyPath(row, path);
            }}
          />
          <IconButton
            kind="plain"
            label="Copy the value"
            tabIndex={-1}
            icon={<Copy size={13} aria-hidden />}
            onClick={(event) => {
              event.stopPropagation();
              copyValue(row);
            }}
          />
        </span>
      </span>
      {open && typeof value === "string" && (
        <span className="json-text">
          {value.slice(0, SHOWN_TEXT_CHARACTERS)}
          {value.length > SHOWN_TEXT_CHARACTERS &&
            ` … ${value.length - SHOWN_TEXT_CHARACTERS} more characters: copy the value`}
        </span>
      )}
    </>
  );
}

function Preview({ value, open }: { readonly value: JsonValue; readonly open: boolean }) {
  if (isContainer(value)) {
    const count = partCount(value);
    const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
    if (count === 0) return <span className="json-mark">{left + right}</span>;
    const parts = `${count.toLocaleString("en")} ${Array.isArray(value) ? "item" : "key"}${count === 1 ? "" : "s"}`;
    return (
      <span className="json-mark">
        {!open && `${left} … ${right} `}
        <span className="json-count">{parts}</span>
      </span>
    );
  }
  if (typeof value === "string") {
    const short = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
    return open ? (
      <span className="json-count">{value.length.toLocaleString("en")} characters</span>
    ) : (
      <span className="json-string truncate">{JSON.stringify(short)}</span>
    );
  }
  if (value instanceof ExactNumber) return <span className="json-number">{value.text}</span>;
  return <span className={typeof value === "number" ? "json-number" : "json-word"}>{String(value)}</span>;
}
