import { useQuery } from "@tanstack/react-query";
import { Unplug } from "lucide-react";
import { useState } from "react";
import { Page } from "../../app/page.tsx";
import { call, segment } from "../../api/http.ts";
import { poolsQuery, runnersQuery } from "../../api/resources.ts";
import type { Pool, Runner, RunnerState } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { formatBytes, formatCount } from "../../ui/format.ts";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago, formatDuration } from "../../ui/time.tsx";
import { useSave } from "../../ui/use-save.ts";
import { WarmEnvironmentsBadge } from "./warm-environments-badge.tsx";
import "./runners-page.css";

const EVERY_MS = 2_000;

/** Who does the work: pools, and the runners in them, as they are now. */
export function RunnersPage() {
  const pools = useQuery({ ...poolsQuery, refetchInterval: EVERY_MS });
  const runners = useQuery({ ...runnersQuery, refetchInterval: EVERY_MS });
  const error = pools.error ?? runners.error;
  const retry = (): void => {
    void pools.refetch();
    void runners.refetch();
  };
  const isEmpty = runners.data?.length === 0 && pools.data?.length === 0;
  return (
    <Page title="Runners">
      {error !== null && <ErrorNote error={error} onRetry={retry} />}
      {(pools.isPending || runners.isPending) && error === null && <Skeleton rows={6} label="Loading the runners" />}
      {isEmpty && <NoRunners />}
      {(pools.data ?? []).map((pool) => (
        <PoolCard
          key={pool.name}
          pool={pool}
          runners={(runners.data ?? []).filter((runner) => `pools/${runner.pool}` === pool.name)}
        />
      ))}
    </Page>
  );
}

function NoRunners() {
  return (
    <div className="card">
      <EmptyState title="No runner is alive" command="npx millrace status">
        Runs are accepted and wait until a runner has joined. Start one on this machine or on another.
      </EmptyState>
    </div>
  );
}

function PoolCard({ pool, runners }: { readonly pool: Pool; readonly runners: readonly Runner[] }) {
  const name = (pool.name ?? "").replace("pools/", "");
  const { waitingCount = 0, runningCount = 0, slotCount = 0, freeSlotCount = 0 } = pool;
  return (
    <section className="card" aria-label={`Pool ${name}`}>
      <header>
        <h2>
          <span className="faint">Pool</span> {name}
        </h2>
        {pool.incomplete === true && <span className="badge warn">some schedulers do not answer</span>}
      </header>
      <dl className="numbers">
        <Fact term="Waiting" text={formatCount(waitingCount)} about={waitText(pool)} />
        <Fact term="Running" text={formatCount(runningCount)} />
        <Fact term="Slots in use" text={`${slotCount - freeSlotCount} of ${slotCount}`}>
          <meter
            className="slots"
            aria-label="Slots in use"
            min={0}
            max={Math.max(slotCount, 1)}
            value={slotCount - freeSlotCount}
          />
        </Fact>
        <Fact term="Runners" text={formatCount(pool.runnerCount ?? 0)} />
      </dl>
      {runners.length === 0 ? (
        <Note kind="warn">No runner of this pool is alive: its runs wait until one has joined.</Note>
      ) : (
        <RunnerTable runners={runners} />
      )}
    </section>
  );
}

function waitText({ oldestWait }: Pool): string | undefined {
  return oldestWait === undefined
    ? undefined
    : `the oldest for ${formatDuration(1000 * Number.parseFloat(oldestWait))}`;
}

interface FactProps {
  readonly term: string;
  readonly text: string;
  readonly about?: string | undefined;
  readonly children?: React.ReactNode;
}

function Fact({ term, text, about, children }: FactProps) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>
        {text}
        {about !== undefined && <span className="faint"> {about}</span>}
        {children}
      </dd>
    </div>
  );
}

function RunnerTable({ runners }: { readonly runners: readonly Runner[] }) {
  const [drained, setDrained] = useState<Runner>();
  return (
    <>
      <table className="table runners">
        <TableHead columns={["Runner", "State", "Runs", "Slots free", "Warm", "Memory", "Python", "Heard"]} actions />
        <tbody>
          {runners.map((runner) => (
            <RunnerRow key={runner.name} runner={runner} onDrain={() => setDrained(runner)} />
          ))}
        </tbody>
      </table>
      {drained !== undefined && <DrainDialog runner={drained} onClose={() => setDrained(undefined)} />}
    </>
  );
}

const STATES: Readonly<Record<RunnerState, readonly [string, string]>> = {
  RUNNER_STATE_UNSPECIFIED: ["Unknown", ""],
  RUNNER_STATE_READY: ["Ready", "good"],
  RUNNER_STATE_DRAINING: ["Draining", "warn"],
  RUNNER_STATE_STARTING: ["Starting", "info"],
};

function RunnerRow({ runner, onDrain }: { readonly runner: Runner; readonly onDrain: () => void }) {
  const [label, tone] = STATES[runner.state ?? "RUNNER_STATE_UNSPECIFIED"];
  const { slotCount = 0, freeSlotCount = 0, labels = [], pythonMinors = [], memoryBytes = "0" } = runner;
  return (
    <tr>
      <td>
        <span className="mono strong">{runner.runner}</span>
        {labels.length > 0 && (
          <span className="badges">
            {labels.map((each) => (
              <span key={each} className="badge mono">
                {each}
              </span>
            ))}
          </span>
        )}
      </td>
      <td>
        <span className={`badge ${tone}`}>{label}</span>
      </td>
      <td className="number">{runner.runCount ?? 0}</td>
      <td className="number">
        {freeSlotCount} <span className="faint">of {slotCount}</span>
      </td>
      <td>
        <WarmEnvironmentsBadge environments={runner.warmEnvironments ?? []} />
      </td>
      <td className="number">{memoryBytes === "0" ? <span className="faint">–</span> : formatBytes(memoryBytes)}</td>
      <td className="mono">{pythonMinors.join(", ")}</td>
      <td className="muted">
        <Ago time={runner.seenTime} />
      </td>
      <td className="row-menu">
        <Button
          kind="plain"
          disabled={runner.state === "RUNNER_STATE_DRAINING"}
          icon={<Unplug size={15} aria-hidden />}
          aria-label={`Drain ${runner.runner}`}
          onClick={onDrain}
        >
          Drain
        </Button>
      </td>
    </tr>
  );
}

function DrainDialog({ runner, onClose }: { readonly runner: Runner; readonly onClose: () => void }) {
  const drain = useSave({
    save: () =>
      call("POST", `pools/${segment(runner.pool ?? "")}/runners/${segment(runner.runner ?? "")}:drain`, { body: {} }),
    changes: [runnersQuery.queryKey, poolsQuery.queryKey],
    done: () => `${runner.runner} takes no further runs`,
    then: onClose,
  });
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Drain ${runner.runner}?`}
      confirm="Drain"
      onConfirm={() => drain.mutate()}
      busy={drain.isPending}
      error={drain.error}
    >
      It takes no further runs, and ends once {runsText(runner.runCount ?? 0)} over or handed to another runner. It does
      not come back by itself. The same on the command line: <code>npx millrace runners drain {runner.runner}</code>
    </ConfirmDialog>
  );
}

function runsText(runs: number): string {
  if (runs === 0) return "what it may still have is";
  return runs === 1 ? "the run that it has is" : `the ${runs} runs that it has are`;
}
