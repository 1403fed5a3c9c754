import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";

export interface SplitPaneProps {
  /** What the line between the two is: read aloud. */
  readonly label: string;
  readonly top: ReactNode;
  readonly bottom: ReactNode;
}

const KEY = "millrace.split";
const [LEAST, MOST, USUAL, STEP] = [15, 80, 42, 5];

function kept(): number {
  try {
    const value = Number(localStorage.getItem(KEY));
    return value >= LEAST && value <= MOST ? value : USUAL;
  } catch {
    return USUAL;
  }
}

/** Two parts above each other; the line between them can be dragged, and moved with the arrow keys. */
export function SplitPane({ label, top, bottom }: SplitPaneProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(kept);
  const move = (next: number): void => {
    const held = Math.round(Math.max(LEAST, Math.min(MOST, next)));
    setShare(held);
    try {
      localStorage.setItem(KEY, String(held));
    } catch {
      // It lasts until the page is left.
    }
  };
  const drag = (event: PointerEvent<HTMLDivElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { bottom: end, height } = frame.current!.getBoundingClientRect();
    move(((end - event.clientY) / height) * 100);
  };
  const press = (event: KeyboardEvent): void => {
    const by = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    move(share + by);
  };
  return (
    <div ref={frame} className="split">
      <div className="split-top" style={{ flexGrow: 100 - share }}>
        {top}
      </div>
      <div
        className="split-line"
        role="separator"
        tabIndex={0}
        aria-label={label}
        aria-orientation="horizontal"
        aria-valuenow={share}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        onKeyDown={press}
      />
      <div className="split-bottom" style={{ flexGrow: share }}>
        {bottom}
      </div>
    </div>
  );
}
