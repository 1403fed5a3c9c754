import { useVirtualizer } from "@tanstack/react-virtual";
import {
  memo,
  useEffect,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
} from "react";
import { useNavigate } from "react-router";
import type { Run } from "../../api/generated/types.ts";
import "./run-grid.css";

const ROW_PX = 44;
const HEAD_PX = 36;
/** Room for what stands behind the last row. */
const END_PX = 68;
/** The next page is asked for when so many rows are left. */
const AHEAD_ROWS = 60;
/** Up to here the list counts as being at its top. */
const TOP_PX = 8;

/** A column of a list of runs. */
export interface RunColumn {
  readonly title: string;
  /** Its part of a line, as in `grid-template-columns`. */
  readonly width: string;
  readonly cell: (run: Run) => ReactNode;
  /** Left out on narrow screens. */
  readonly optional?: boolean;
  /** Numbers stand on the right. */
  readonly end?: boolean;
}

export interface RunGridProps {
  readonly label: string;
  readonly columns: readonly RunColumn[];
  readonly runs: readonly Run[];
  /** Ids of rows that are about to go: shown faint. */
  readonly gone?: ReadonlySet<string>;
  readonly hasMore: boolean;
  readonly loadMore: () => void;
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (id: string, chosen: boolean) => void;
  /** Set to true while somebody reads: then no row may move. */
  readonly held?: RefObject<boolean>;
  /** Raised to go back to the top. */
  readonly topRound?: number;
  /** Behind the last row. */
  readonly end?: ReactNode;
}

/** A long list of runs: only what can be seen is drawn; arrows or j and k move, Enter opens, x chooses. */
export function RunGrid(props: RunGridProps) {
  const { label, columns, runs, gone, hasMore, loadMore, chosen, onChoose, held, topRound = 0, end } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string>();
  const navigate = useNavigate();
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 24,
    scrollPaddingStart: 40,
    getItemKey: (index) => runs[index]!.id!,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= runs.length - AHEAD_ROWS) loadMore();
  }, [hasMore, last, runs.length, loadMore]);
  const hold = (): void => {
    if (held) held.current = scroller.current!.scrollTop > TOP_PX || active !== undefined || chosen.size > 0;
  };
  useEffect(hold);
  useEffect(() => {
    if (topRound === 0) return;
    scroller.current?.scrollTo({ top: 0 });
    setActive(undefined);
  }, [topRound]);
  /** True when the key meant something. */
  const press = (key: string): boolean => {
    const index = runs.findIndex(({ id }) => id === active);
    const goal = goalOf(key, index, runs.length);
    if (goal !== undefined) {
      setActive(runs[goal]?.id);
      rows.scrollToIndex(goal);
    } else if (active === undefined) return false;
    else if (key === "Enter") void navigate(`/runs/${active}`);
    else if (key === "x") onChoose(active, !chosen.has(active));
    else if (key === "Escape") setActive(undefined);
    else return false;
    return true;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const isOther = event.ctrlKey || event.metaKey || event.altKey;
    const isOfControl = event.key === "Enter" && event.target !== event.currentTarget;
    if (!isOther && !isOfControl && press(event.key)) event.preventDefault();
  };
  useListKeys(scroller, press);
  const height = HEAD_PX + rows.getTotalSize() + (end ? END_PX : 0);
  const template = `20px ${columns.map(({ width }) => width).join(" ")}`;
  const narrow = `20px ${columns.flatMap(({ width, optional }) => (optional === true ? [] : [width])).join(" ")}`;
  return (
    <div
      ref={scroller}
      className="run-grid"
      role="grid"
      aria-label={label}
      aria-rowcount={hasMore ? -1 : runs.length + 1}
      aria-multiselectable
      aria-activedescendant={active === undefined ? undefined : `run-${active}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onScroll={hold}
      style={{ "--wide": template, "--narrow": narrow, flexBasis: height } as CSSProperties}
    >
      <div role="row" aria-rowindex={1} className="run-row head">
        <span role="columnheader">
          <span className="visually-hidden">Chosen</span>
        </span>
        {columns.map((column) => (
          <span key={column.title} role="columnheader" className={classOf(column)}>
            {column.title}
          </span>
        ))}
      </div>
      <div role="rowgroup" style={{ height: rows.getTotalSize(), position: "relative" }}>
        {items.map(({ index, key, start }) => (
          <RunRow
            key={key}
            run={runs[index]!}
            columns={columns}
            index={index}
            top={start}
            isActive={runs[index]!.id === active}
            isChosen={chosen.has(runs[index]!.id!)}
            isGone={gone?.has(runs[index]!.id!) === true}
            onChoose={onChoose}
          />
        ))}
      </div>
      {end}
    </div>
  );
}

function classOf({ optional, end }: RunColumn): string {
  return [optional === true && "optional", end === true && "end"].filter(Boolean).join(" ");
}

/** Where a key leads to from a row; -1 for none yet. */
function goalOf(key: string, index: number, count: number): number | undefined {
  if (count === 0) return undefined;
  const page = 12;
  const goals: Record<string, number> = {
    ...{ j: index + 1, ArrowDown: index + 1, k: index - 1, ArrowUp: index - 1 },
    ...{ PageDown: index + page, PageUp: index - page, Home: 0, End: count - 1 },
  };
  const goal = goals[key];
  return goal === undefined ? undefined : Math.min(count - 1, Math.max(0, goal));
}

/** Hands j and k to the list, and gives it the focus, when they are pressed anywhere on the page where nothing is typed. */
function useListKeys(list: RefObject<HTMLDivElement | null>, press: (key: string) => boolean): void {
  const latest = useRef(press);
  useEffect(() => {
    latest.current = press;
  });
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if ((event.key !== "j" && event.key !== "k") || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (
        target.closest("input, textarea, select, [contenteditable], [role=dialog], [role=alertdialog], [role=menu]")
      ) {
        return;
      }
      if (list.current?.contains(target) === true) return;
      list.current?.focus({ preventScroll: true });
      latest.current(event.key);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [list]);
}

interface RunRowProps {
  readonly run: Run;
  readonly columns: readonly RunColumn[];
  readonly index: number;
  readonly top: number;
  readonly isActive: boolean;
  readonly isChosen: boolean;
  readonly isGone: boolean;
  readonly onChoose: (id: string, chosen: boolean) => void;
}

const RunRow = memo(function RunRow(props: RunRowProps) {
  const { run, columns, index, top, isActive, isChosen, isGone, onChoose } = props;
  const navigate = useNavigate();
  const kinds = [isActive && "active", isChosen && "chosen", isGone && "gone"].filter(Boolean).join(" ");
  return (
    // Its keys are those of the grid, which has the focus.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      id={`run-${run.id}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      className={`run-row ${kinds}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => {
        const onControl = (event.target as HTMLElement).closest("a, input, button, label");
        if (onControl === null && getSelection()?.type !== "Range") void navigate(`/runs/${run.id}`);
      }}
    >
      <span role="gridcell">
        <input
          type="checkbox"
          className="check"
          aria-label={`Choose the run ${run.id?.slice(-12)}`}
          checked={isChosen}
          onChange={(event) => onChoose(run.id!, event.target.checked)}
        />
      </span>
      {columns.map((column) => (
        <span key={column.title} role="gridcell" className={`truncate ${classOf(column)}`}>
          {column.cell(run)}
        </span>
      ))}
    </div>
  );
});
