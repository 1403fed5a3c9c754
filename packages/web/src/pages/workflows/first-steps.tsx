import { useQuery } from "@tanstack/react-query";
import { Circle, CircleCheck, X } from "lucide-react";
import { Link } from "react-router";
import { dismissFirstSteps, firstStepsQuery, idOf } from "../../api/resources.ts";
import { segment } from "../../api/http.ts";
import type { FirstSteps as Steps } from "../../api/generated/types.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { IconButton } from "../../ui/button.tsx";
import { useSave } from "../../ui/use-save.ts";
import "./first-steps.css";

const EVERY_MS = 3_000;

/** What leads from an empty house to an answering workflow; each is ticked when it has happened, and once all have, it is gone. */
export function FirstSteps() {
  const query = useQuery({
    ...firstStepsQuery,
    refetchInterval: ({ state }) => (state.data?.over === true ? false : EVERY_MS),
  });
  const dismiss = useSave({ save: dismissFirstSteps, changes: [firstStepsQuery.queryKey] });
  const steps = query.data;
  if (steps === undefined || steps.over === true) return null;
  const list = listOf(steps);
  const done = list.filter(({ isDone }) => isDone).length;
  const next = list.find(({ isDone }) => !isDone);
  return (
    <section className="card first-steps" aria-labelledby="first-steps">
      <header>
        <h2 id="first-steps">First steps</h2>
        <span className="faint" role="status">{`${done} of ${list.length} done`}</span>
        <IconButton
          kind="plain"
          label="Dismiss the first steps for good"
          icon={<X size={15} aria-hidden />}
          disabled={dismiss.isPending}
          onClick={() => dismiss.mutate()}
        />
      </header>
      <ol>
        {list.map((step) => (
          <Line key={step.title} step={step} isNext={step === next} />
        ))}
      </ol>
    </section>
  );
}

interface Step {
  readonly title: string;
  readonly about: string;
  readonly isDone: boolean;
  readonly to: string;
  readonly action: string;
  /** The same on the command line, where there is such a thing. */
  readonly command?: string;
}

function listOf({ created, tested, deployed, called, workflow = "" }: Steps): readonly Step[] {
  const page = workflow === "" ? "?new" : `/workflows/${segment(idOf(workflow))}`;
  const builder = workflow === "" ? "?new" : `${page}/build`;
  return [
    {
      title: "Create a workflow",
      about: "An address and a few Python steps; begin with a template.",
      ...{ isDone: created === true, to: "?new", action: "New workflow", command: "npx millrace init my-workflow" },
    },
    {
      title: "Test a step",
      about: "It runs in the sandbox on an event that you choose; nothing is live yet.",
      ...{ isDone: tested === true, to: builder, action: "Open the builder" },
    },
    {
      title: "Deploy it",
      about: "Its code, settings and packages are frozen as a version, which goes live.",
      ...{
        isDone: deployed === true,
        to: builder,
        action: "Open the builder",
        command: "npx millrace deploy my-workflow",
      },
    },
    {
      title: "Call it",
      about: "Send a request to its address, such as with curl, and watch the run appear.",
      ...{ isDone: called === true, to: page, action: "Show its address" },
      command: "npx millrace workflows my-workflow",
    },
  ];
}

function Line({ step, isNext }: { readonly step: Step; readonly isNext: boolean }) {
  const { title, about, isDone, to, action, command } = step;
  return (
    <li className={isDone ? "done" : isNext ? "next" : undefined} aria-current={isNext ? "step" : undefined}>
      {isDone ? (
        <CircleCheck size={17} role="img" aria-label="Done" />
      ) : (
        <Circle size={17} role="img" aria-label="To do" />
      )}
      <div>
        <strong>{title}</strong>
        {isNext && (
          <>
            <p className="muted">{about}</p>
            <p className="first-step-ways">
              <Link className="button" to={to}>
                {action}
              </Link>
              {command !== undefined && (
                <>
                  <span className="faint">or</span>
                  <code>{command}</code>
                  <CopyButton text={command} label="Copy the command" />
                </>
              )}
            </p>
          </>
        )}
      </div>
    </li>
  );
}
