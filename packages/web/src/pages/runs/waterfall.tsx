import type { Run, StepRun } from "../../api/generated/types.ts";
import { StateBadge, stateTone, isOver } from "../../ui/run-state.tsx";
import { durationMs, formatDuration, useNow } from "../../ui/time.tsx";

interface Bar {
  readonly key: string;
  readonly label: string;
  readonly tone: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly step: StepRun | undefined;
}

export interface WaterfallProps {
  readonly run: Run;
  readonly selected: string | undefined;
  readonly onSelect: (path: string) => void;
}

/** When each part of a run began and how long it took, from its acceptance on. */
export function Waterfall({ run, selected, onSelect }: WaterfallProps) {
  const now = useNow();
  const begin = Date.parse(run.createTime!);
  const end = run.endTime === undefined ? (isOver(run.state) ? begin : now) : Date.parse(run.endTime);
  const spanMs = Math.max(1, end - begin);
  const bars = barsOf(run, begin, end, now);
  return (
    <ol className="waterfall">
      {bars.map(({ key, label, tone, fromMs, toMs, step }) => (
        <li key={key}>
          <button
            type="button"
            className="bar-line"
            disabled={step === undefined}
            aria-pressed={step !== undefined && step.path === selected}
            onClick={() => step && onSelect(step.path!)}
          >
            <span className="bar-name truncate">{label}</span>
            <span className="bar-space" aria-hidden>
              {toMs >= fromMs && (
                <span
                  className={`bar ${tone}`}
                  style={{
                    left: `${(Math.max(0, fromMs) / spanMs) * 100}%`,
                    width: `max(3px, ${(Math.max(0, toMs - Math.max(0, fromMs)) / spanMs) * 100}%)`,
                  }}
                />
              )}
            </span>
            <span className="bar-took mono">{toMs >= fromMs ? formatDuration(toMs - fromMs) : "–"}</span>
            <span className="bar-state">{step && <StateBadge state={step.state} />}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function barsOf(run: Run, begin: number, end: number, now: number): readonly Bar[] {
  const started = run.startTime === undefined ? end : Date.parse(run.startTime);
  const queue: Bar = { key: "queue", label: "queue", tone: "", fromMs: 0, toMs: started - begin, step: undefined };
  const steps = (run.steps ?? []).map((step): Bar => {
    const took = durationMs(step.startTime, step.endTime, isOver(run.state) ? end : now);
    const fromMs = step.startTime === undefined ? 0 : Date.parse(step.startTime) - begin;
    const again = (step.runs ?? 0) > 1 ? ` (execution ${step.runs})` : "";
    return {
      key: step.path!,
      label: `${step.name}${again}`,
      tone: stateTone(step.state) || "plain",
      fromMs,
      toMs: took === undefined ? -1 : fromMs + took,
      step,
    };
  });
  return [queue, ...steps];
}
