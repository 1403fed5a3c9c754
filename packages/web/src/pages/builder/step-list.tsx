import { GripVertical, Globe, TriangleAlert } from "lucide-react";
import { useState, type DragEvent } from "react";
import { stepId } from "../../api/drafts.ts";
import type { DraftStep } from "../../api/generated/types.ts";
import { StateBadge } from "../../ui/run-state.tsx";
import { AddStep } from "./add-step.tsx";
import { settingsOf, triggersOf, TRIGGER, useBuilder } from "./builder-context.ts";
import { useStepState } from "./step-state.ts";
import "./step-list.css";

const ANSWERS = {
  immediate: "answers at once",
  static: "gives a fixed answer",
  workflow: "answers by pd.respond",
} as const;

/** The trigger, the steps in their order, and the way to one more. */
export function StepList() {
  const { view, session } = useBuilder();
  const [dragged, setDragged] = useState<string>();
  const [over, setOver] = useState<number>();
  const drop = (place: number): void => {
    const from = view.steps.findIndex((step) => stepId(step) === dragged) + 1;
    setDragged(undefined);
    setOver(undefined);
    if (dragged !== undefined && from > 0) void session.move(dragged, from < place ? place - 1 : place);
  };
  const target = (place: number) => ({
    onDragOver: (event: DragEvent): void => {
      if (dragged === undefined) return;
      event.preventDefault();
      setOver(place);
    },
    onDrop: (event: DragEvent): void => {
      event.preventDefault();
      drop(place);
    },
  });
  return (
    <nav className="step-list" aria-label="Steps">
      <TriggerCard />
      <ol>
        {view.steps.map((step, index) => {
          const id = stepId(step);
          return (
            <li
              key={id}
              className={`${over === index + 1 && dragged !== id ? "drop-here" : ""} ${dragged === id ? "dragged" : ""}`}
              {...target(index + 1)}
            >
              <StepCard
                step={step}
                number={index + 1}
                onDrag={(begins) => {
                  setDragged(begins ? id : undefined);
                  if (!begins) setOver(undefined);
                }}
              />
              <AddStep place={index + 2} last={index + 1 === view.steps.length} />
            </li>
          );
        })}
      </ol>
      <div
        className={`step-end ${over === view.steps.length + 1 ? "drop-here" : ""}`}
        {...target(view.steps.length + 1)}
      >
        {view.steps.length === 0 && <AddStep place={1} last />}
      </div>
    </nav>
  );
}

function TriggerCard() {
  const { view, selected, select } = useBuilder();
  const [http] = triggersOf(settingsOf(view.settingsJson));
  return (
    <button
      type="button"
      className="step-card trigger"
      aria-current={selected === TRIGGER ? "true" : undefined}
      onClick={() => select(TRIGGER)}
    >
      <span className="step-icon">
        <Globe size={15} aria-hidden />
      </span>
      <span className="step-text">
        <span className="step-name">trigger</span>
        <span className="step-about">
          {http === undefined ? "calls of the API only" : `HTTP · ${ANSWERS[http.respond ?? "immediate"]}`}
        </span>
      </span>
    </button>
  );
}

interface StepCardProps {
  readonly step: DraftStep;
  readonly number: number;
  readonly onDrag: (begins: boolean) => void;
}

function StepCard({ step, number, onDrag }: StepCardProps) {
  const { selected, select } = useBuilder();
  const id = stepId(step);
  const { state, stale, problems } = useStepState(step);
  return (
    <button
      type="button"
      className="step-card"
      aria-current={selected === id ? "true" : undefined}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", step.displayName ?? "");
        onDrag(true);
      }}
      onDragEnd={() => onDrag(false)}
      onClick={() => select(id)}
    >
      <span className="step-icon">
        <span className="step-number">{number}</span>
        <GripVertical size={14} aria-hidden className="grip" />
      </span>
      <span className="step-text">
        <span className="step-name truncate">{step.displayName}</span>
        <span className="step-about">
          {problems > 0 && (
            <span className="badge bad">
              <TriangleAlert size={12} aria-hidden />
              {problems === 1 ? "1 mistake" : `${problems} mistakes`}
            </span>
          )}
          {state !== undefined && !stale && <StateBadge state={state} />}
          {stale && (
            <span className="badge warn" title="Changed since its test, or a step above it">
              stale
            </span>
          )}
          {state === undefined && problems === 0 && "not tested"}
        </span>
      </span>
    </button>
  );
}
