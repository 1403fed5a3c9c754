import type { Run } from "../../api/generated/types.ts";
import { isOver, StateBadge, stateTone } from "../../ui/run-state.tsx";
import { formatDuration, useNow } from "../../ui/time.tsx";
import { timelineOf, type Stretch } from "./timeline.ts";
import "./waterfall.css";

export interface WaterfallProps {
  readonly run: Run;
  readonly selected: string;
  readonly onSelect: (key: string) => void;
}

/** When each part of a run began and how long it took, from its acceptance on. */
export function Waterfall({ run, selected, onSelect }: WaterfallProps) {
  const second = useNow();
  const now = isOver(run.state) ? 0 : Math.max(second, Date.now());
  const { rows, spanMs, ticksMs } = timelineOf(run, now);
  return (
    <div className="waterfall">
      <div className="axis" aria-hidden>
        <div className="axis-space">
          {ticksMs.map((ms) => (
            <span key={ms} className="tick-label" style={{ left: `${(ms / spanMs) * 100}%` }}>
              {ms === 0 ? "0" : formatTick(ms)}
            </span>
          ))}
        </div>
      </div>
      <ol>
        {rows.map(({ key, name, note, step, stretches, tookMs }) => (
          <li key={key}>
            <button type="button" className="bar-line" aria-pressed={key === selected} onClick={() => onSelect(key)}>
              <span className="bar-name truncate">
                {name} {note !== "" && <span className="faint">{note}</span>}
              </span>
              <span className="bar-space">
                {ticksMs.map((ms) => (
                  <span key={ms} className="grid-line" style={{ left: `${(ms / spanMs) * 100}%` }} />
                ))}
                {stretches.map((stretch, place) => (
                  <Bar key={place} stretch={stretch} spanMs={spanMs} />
                ))}
              </span>
              <span className="bar-took mono">{tookMs === undefined ? "–" : formatDuration(tookMs)}</span>
              <span className="bar-state">
                {step === undefined ? <span className="badge">Event</span> : <StateBadge state={step.state} />}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Bar({
  stretch: { kind, state, fromMs, toMs, about },
  spanMs,
}: {
  readonly stretch: Stretch;
  readonly spanMs: number;
}) {
  const text = `${about}: ${formatDuration(toMs - fromMs)}, from ${formatDuration(fromMs)} on`;
  return (
    <span
      className={`bar ${kind} ${state === undefined ? "" : stateTone(state)}`}
      title={text}
      style={{
        left: `${Math.min(99.7, (fromMs / spanMs) * 100)}%`,
        width: `max(3px, ${(Math.max(0, toMs - fromMs) / spanMs) * 100}%)`,
      }}
    />
  );
}

function formatTick(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${ms / 1_000} s`;
  return ms < 3_600_000 ? `${ms / 60_000} min` : `${Number((ms / 3_600_000).toFixed(1))} h`;
}
