import { ArrowDown, ArrowUp, Copy, MoreHorizontal, Play, Square, Trash2 } from "lucide-react";
import { useEffect, useId, useMemo, useState } from "react";
import { stepId } from "../../api/drafts.ts";
import type { DraftStep } from "../../api/generated/types.ts";
import { MOD_KEY } from "../../app/platform.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { Menu, MenuItem, MenuSeparator } from "../../ui/menu.tsx";
import { useBuilder } from "./builder-context.ts";
import { Editor } from "./editor-loader.tsx";
import { PackageChips } from "./package-chips.tsx";
import { Results } from "./results.tsx";
import { SplitPane } from "./split-pane.tsx";
import { StepConfigure } from "./step-configure.tsx";
import { StepInputs } from "./step-inputs.tsx";
import { problemsOf, useCheck, useLiveTest } from "./step-state.ts";
import { useCodeContext } from "./use-code-context.ts";
import "./step-panel.css";

const PARTS = [
  ["code", "Code"],
  ["inputs", "Inputs"],
  ["configure", "Configure"],
] as const;
/** More at once nobody reads; the editor marks them all. */
const SHOWN_PROBLEMS = 3;
type Part = (typeof PARTS)[number][0];

/** One step: its name, code, inputs and settings, and beneath what its test came to. */
export function StepPanel({ step }: { readonly step: DraftStep }) {
  const [part, setPart] = useState<Part>("code");
  const { line } = useBuilder();
  useEffect(() => {
    if (line !== undefined) setPart("code");
  }, [line]);
  return (
    <section className="panel" aria-label={`Step ${step.displayName}`}>
      <header className="panel-head">
        <StepName step={step} />
        <div className="segments" role="group" aria-label="Parts of the step">
          {PARTS.map(([name, label]) => (
            <button key={name} type="button" aria-pressed={part === name} onClick={() => setPart(name)}>
              {label}
            </button>
          ))}
        </div>
        <TestButton step={step} />
        <StepMenu step={step} />
      </header>
      <SplitPane
        label="Height of the results"
        top={
          <>
            {part === "code" && <StepCode step={step} />}
            {part === "inputs" && <StepInputs step={step} />}
            {part === "configure" && <StepConfigure step={step} />}
          </>
        }
        bottom={<Results step={step} />}
      />
    </section>
  );
}

function StepCode({ step }: { readonly step: DraftStep }) {
  const { session, view, line } = useBuilder();
  const id = stepId(step);
  const check = useCheck();
  const index = view.steps.findIndex((each) => stepId(each) === id);
  const marks = useMemo(
    () =>
      problemsOf(check, step, index)
        .filter(({ line: at = 0 }) => at > 0)
        .map(({ line: at = 0, column = 0, message = "" }) => ({ line: at, column, message })),
    // Marks move with the text until the house has looked at it anew.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [check],
  );
  const problems = problemsOf(check, step, index).slice(0, SHOWN_PROBLEMS);
  return (
    <div className="step-code">
      <PackageChips step={step} check={check} />
      <div role="status">
        {problems.map(({ message, line: at = 0 }) => (
          <p key={`${at} ${message}`} className="problem-line">
            {at > 0 ? `Line ${at}: ${message}` : message}
          </p>
        ))}
      </div>
      <Editor
        id={step.name ?? id}
        label={`Python code of ${step.displayName}`}
        language="python"
        value={step.code ?? ""}
        onChange={(code) => session.edit(id, { code })}
        marks={marks}
        context={useCodeContext(step)}
        line={line}
      />
    </div>
  );
}

function StepName({ step }: { readonly step: DraftStep }) {
  const { session, view } = useBuilder();
  const id = useId();
  const saved = step.displayName ?? "";
  const [name, setName] = useState(saved);
  useEffect(() => setName(saved), [saved]);
  const taken = view.steps.some((each) => each.name !== step.name && each.displayName === name.trim());
  const wrong = name.trim() === "" ? "A step needs a name." : taken ? "Another step has this name." : "";
  const commit = (): void => {
    if (wrong !== "") setName(saved);
    else if (name.trim() !== saved) session.change(stepId(step), "renaming a step", { displayName: name.trim() });
  };
  return (
    <div className="name-field">
      <label htmlFor={id} className="visually-hidden">
        Name of the step
      </label>
      <input
        id={id}
        className="name-input"
        value={name}
        maxLength={64}
        spellCheck={false}
        aria-invalid={wrong !== ""}
        title="The key of the step in pd.steps"
        onChange={(event) => setName(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setName(saved);
        }}
      />
      {wrong !== "" && (
        <span className="name-wrong" role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}

function TestButton({ step }: { readonly step: DraftStep }) {
  const { desk, event } = useBuilder();
  const id = stepId(step);
  const live = useLiveTest(id);
  if (live?.running === true) {
    return (
      <Button icon={<Square size={13} aria-hidden />} onClick={() => void desk.stop(live.target)}>
        Stop
      </Button>
    );
  }
  return (
    <Button
      className="test"
      icon={<Play size={14} aria-hidden />}
      title={`Runs this step on the chosen event (${MOD_KEY}Enter)`}
      onClick={() => void desk.test(id, event.json)}
    >
      Test
    </Button>
  );
}

function StepMenu({ step }: { readonly step: DraftStep }) {
  const { session, view, select } = useBuilder();
  const id = stepId(step);
  const place = view.steps.findIndex((each) => stepId(each) === id) + 1;
  const copy = async (): Promise<void> => {
    const { displayName, code, optionsJson } = step;
    select(await session.add({ displayName, code, ...(optionsJson && { optionsJson }) } as DraftStep, place + 1));
  };
  return (
    <Menu
      trigger={<IconButton kind="plain" label="More for this step" icon={<MoreHorizontal size={16} aria-hidden />} />}
    >
      <MenuItem
        icon={<ArrowUp size={15} aria-hidden />}
        disabled={place === 1}
        onSelect={() => void session.move(id, place - 1)}
      >
        Move up
      </MenuItem>
      <MenuItem
        icon={<ArrowDown size={15} aria-hidden />}
        disabled={place === view.steps.length}
        onSelect={() => void session.move(id, place + 1)}
      >
        Move down
      </MenuItem>
      <MenuItem icon={<Copy size={15} aria-hidden />} onSelect={() => void copy()}>
        Duplicate
      </MenuItem>
      <MenuSeparator />
      <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={() => void session.remove(id)}>
        Remove the step
      </MenuItem>
    </Menu>
  );
}
