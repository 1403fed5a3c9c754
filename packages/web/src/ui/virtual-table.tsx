import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import "./virtual-table.css";

export interface Column<Row> {
  readonly title: string;
  /** Its part of a line, as in `grid-template-columns`. */
  readonly width: string;
  readonly cell: (row: Row) => ReactNode;
  /** Numbers stand on the right. */
  readonly end?: boolean;
}

export interface VirtualTableProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
  readonly rowPx?: number;
  /** How many there are in all, when that is known and more than have been read. */
  readonly count?: number | undefined;
  readonly hasMore: boolean;
  readonly loadMore: () => void;
  /** The key of the row that is looked at. */
  readonly chosen?: string | undefined;
}

/** The next page is asked for when so many rows are left. */
const AHEAD_ROWS = 60;

/** A long table: only the rows that can be seen are drawn, further ones are read on the way. It is as high as its rows, or as the room that it is given. */
export function VirtualTable<Row>({ rows, columns, rowPx = 40, hasMore, loadMore, ...rest }: VirtualTableProps<Row>) {
  const { label, rowKey, count, chosen } = rest;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 24,
    getItemKey: (index) => rowKey(rows[index]!),
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= rows.length - AHEAD_ROWS) loadMore();
  }, [hasMore, last, rows.length, loadMore]);
  const template = columns.map(({ width }) => width).join(" ");
  return (
    <div
      className="virtual-table"
      role="table"
      aria-label={label}
      aria-rowcount={hasMore ? (count ?? -1) : rows.length}
    >
      <div role="rowgroup">
        <div role="row" className="virtual-row head" style={{ gridTemplateColumns: template }}>
          {columns.map(({ title, end }) => (
            <span key={title} role="columnheader" className={end === true ? "end" : ""}>
              {title}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={scroller}
        className="virtual-scroller"
        role="rowgroup"
        tabIndex={0}
        aria-label={`${label}, rows`}
        style={{ flexBasis: virtual.getTotalSize() }}
      >
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {items.map(({ index, key, start }) => (
            <div
              key={key}
              role="row"
              aria-rowindex={index + 1}
              className={key === chosen ? "virtual-row chosen" : "virtual-row"}
              style={{ gridTemplateColumns: template, height: rowPx, transform: `translateY(${start}px)` }}
            >
              {columns.map(({ title, cell, end }) => (
                <span key={title} role="cell" className={end === true ? "end" : ""}>
                  {cell(rows[index]!)}
                </span>
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
