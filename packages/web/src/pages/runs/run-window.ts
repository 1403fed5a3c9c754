import type { Run } from "../../api/generated/types.ts";

/** Rows kept while new ones arrive at the top; older ones are read again when somebody scrolls to them. */
const KEPT_LIVE = 150;
/** Rows that are kept at most; who wants older ones names a time. */
export const KEPT_ROWS = 10_000;
/** Arrivals kept while somebody reads; beyond that the newest page is read anew. */
const KEPT_ARRIVED = 200;

/** The part of a list of runs that a page holds, newest first: bounded, however many runs pass through it. */
export interface RunWindow {
  readonly rows: readonly Run[];
  /** True when there are older runs than the last row. */
  readonly hasMore: boolean;
  /** Asks for the page behind the last row, or goes on with a search that has not got so far; undefined when a time does that. */
  readonly nextPage: string | undefined;
  /** Runs that are not shown yet, so that nothing moves under whoever reads. */
  readonly arrived: readonly Run[];
  /** True when there are more of those than are kept. */
  readonly overflowed: boolean;
  /** Ids of rows that do not match the filter any more. */
  readonly gone: ReadonlySet<string>;
}

/** One batch of changes. */
export interface RunChanges {
  readonly runs: readonly Run[];
  readonly left: readonly string[];
}

const NOBODY: ReadonlySet<string> = new Set();

/** A page of the list, as the API answers. */
export interface RunListPage {
  readonly runs?: readonly Run[];
  readonly nextPageToken?: string;
}

/** A window on the first page of the list. */
export function openWindow({ runs = [], nextPageToken = "" }: RunListPage): RunWindow {
  const nextPage = nextPageToken || undefined;
  return { rows: runs, hasMore: nextPage !== undefined, nextPage, arrived: [], overflowed: false, gone: NOBODY };
}

/** Both lists in one, newest first; of a run that is in both, what the first one says. Ids begin with the time. */
function merge(first: readonly Run[], second: readonly Run[]): readonly Run[] {
  const seen = new Set(first.map(({ id }) => id));
  return [...first, ...second.filter(({ id }) => !seen.has(id))].sort((a, b) => (a.id! < b.id! ? 1 : -1));
}

/** Keeps the newest rows only. */
function trimmed(window: RunWindow, most: number): RunWindow {
  if (window.rows.length <= most) return window;
  return { ...window, rows: window.rows.slice(0, most), hasMore: true, nextPage: undefined };
}

/**
 * What has changed since. While `held`, known rows change where they are, and new ones wait; otherwise they come in at once, and
 * those that match no more go.
 */
export function withChanges(window: RunWindow, { runs, left }: RunChanges, held: boolean): RunWindow {
  const changed = new Map(runs.map((run) => [run.id!, run]));
  const gone = new Set(window.gone);
  for (const id of left) gone.add(id);
  for (const id of changed.keys()) gone.delete(id);
  let touched = false;
  const rows = window.rows.map((row) => {
    const next = changed.get(row.id!);
    if (next === undefined) return row;
    changed.delete(row.id!);
    touched = true;
    return next;
  });
  const oldest = window.hasMore ? (window.rows.at(-1)?.id ?? "") : "";
  const fresh = [...changed.values()].filter(({ id }) => id! > oldest);
  const known = new Set(window.rows.map(({ id }) => id));
  const staying = new Set([...gone].filter((id) => known.has(id)));
  const arrived = merge(fresh, window.arrived).filter(({ id }) => !gone.has(id!));
  const next = {
    ...window,
    rows: touched ? rows : window.rows,
    arrived: arrived.slice(0, KEPT_ARRIVED),
    overflowed: window.overflowed || arrived.length > KEPT_ARRIVED,
    gone: staying,
  };
  return held ? next : trimmed(release(next), KEPT_LIVE);
}

/** Shows what has arrived, and lets go what matches no more. */
export function release(window: RunWindow): RunWindow {
  if (window.arrived.length === 0 && window.gone.size === 0) return window;
  const rows = merge(window.arrived, window.rows).filter(({ id }) => !window.gone.has(id!));
  return { ...window, rows, arrived: [], gone: NOBODY };
}

/** With the page behind the last row. */
export function withOlder(window: RunWindow, { runs = [], nextPageToken = "" }: RunListPage): RunWindow {
  const nextPage = nextPageToken || undefined;
  return trimmed({ ...window, rows: merge(window.rows, runs), hasMore: nextPage !== undefined, nextPage }, KEPT_ROWS);
}

/** Behind a time without news: what a new look at the list says, shown at once or, while `held`, only where rows are known. */
export function withRelisted(window: RunWindow, page: RunListPage, held: boolean): RunWindow {
  if (!held) return openWindow(page);
  const { runs = [], nextPageToken = "" } = page;
  const known = new Set(window.rows.map(({ id }) => id));
  // Whether the page reaches down to the rows decides if something is missing between the two.
  const meets = nextPageToken === "" || runs.some(({ id }) => known.has(id));
  const next = withChanges(window, { runs, left: [] }, true);
  return meets ? next : { ...next, overflowed: true };
}
