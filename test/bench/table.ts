import type { BareAppFigures } from "./bare-app.ts";
import type { LoadFigures } from "./load.ts";
import type { LogFigures } from "./logs.ts";
import type { PackageFigures } from "./packages.ts";
import type { DataStoreFigures } from "./data-store.ts";
import type { Quantiles } from "./quantiles.ts";
import type { WorkerKillFigures } from "./worker-kill.ts";

/** Everything that the bench measures; names are those of its JSON. */
export interface Figures {
  readonly one_step_runs_per_s: number;
  readonly one_step_runs_per_s_streamed: number;
  readonly one_step_runs_per_s_200_workflows: number;
  readonly three_step_runs_per_s: number;
  readonly three_step_runs_per_s_streamed: number;
  readonly three_step_runs_per_s_200_workflows: number;
  readonly warm_http_ms: Quantiles;
  readonly warm_http_immediate_ms: Quantiles;
  readonly accept: LoadFigures;
  readonly http_16: LoadFigures;
  readonly cold_start_ms: { readonly p50: number; readonly p99: number };
  readonly packages_ms: PackageFigures;
  readonly data_store_p50_ms: DataStoreFigures;
  readonly worker_kill_ms: WorkerKillFigures;
  readonly logs: LogFigures;
  readonly cpu_s_per_1000_runs: number;
  readonly cpu_ms_per_run_by_process: Readonly<Record<string, number>>;
  readonly cpu_s_per_1000_runs_streamed: number;
  readonly cpu_ms_per_run_by_process_streamed: Readonly<Record<string, number>>;
  readonly idle_pss_mb: number;
  readonly idle_pss_mb_by_process: Readonly<Record<string, number>>;
  readonly floors: Readonly<Record<string, number>>;
  readonly bare_app: BareAppFigures;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
}

/** The figures for people. */
export function renderTable(figures: Figures): string {
  const {
    warm_http_ms: warm,
    warm_http_immediate_ms: immediate,
    cold_start_ms: cold,
    packages_ms: packages,
    floors,
  } = figures;
  const latency = ({ p50, p95, p99 }: Quantiles) => `p50 ${p50}   p95 ${p95}   p99 ${p99} ms`;
  const list = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([role, value]) => `${role} ${value}`)
      .join(", ");
  const rows: [string, string][] = [
    [
      "durable one-step runs/s",
      `${figures.one_step_runs_per_s} (1 workflow), ${figures.one_step_runs_per_s_200_workflows} (200)`,
    ],
    [
      "durable three-step runs/s",
      `${figures.three_step_runs_per_s} (1 workflow), ${figures.three_step_runs_per_s_200_workflows} (200)`,
    ],
    [
      "the same, submitted by one stream",
      `${figures.one_step_runs_per_s_streamed} (one step), ${figures.three_step_runs_per_s_streamed} (three steps)`,
    ],
    ["warm HTTP, answer after commit", latency(warm)],
    ["warm HTTP, immediate answer", latency(immediate)],
    ["warm HTTP requests/s, 16 callers", rate(figures.http_16)],
    ["CPU ms per such request", list(figures.http_16.cpu_ms_by_process)],
    ["accepted HTTP requests/s, 64", rate(figures.accept)],
    ["CPU ms per accepted request", list(figures.accept.cpu_ms_by_process)],
    ["cold start", `p50 ${cold.p50}   p99 ${cold.p99} ms`],
    ["cold start with requests", `p50 ${packages.cold_start_requests} ms`],
    ["cold start with pandas", `p50 ${packages.cold_start_pandas} ms`],
    ["second environment, requests", `p50 ${packages.second_environment_requests} ms`],
    ["second environment, pandas", `p50 ${packages.second_environment_pandas} ms`],
    ["deploy of known packages", `p50 ${packages.deploy_known_set} ms`],
    ["deploy of new packages", `p50 ${packages.deploy_new_set} ms`],
    ["data store, from user code", `p50 ${list({ ...figures.data_store_p50_ms })} ms`],
    ["kill of a worker, step runs again", renderKills(figures.worker_kill_ms)],
    ["log lines/s of one step", String(figures.logs.lines_per_s)],
    [
      "warm answer p50, by what is logged",
      `nothing ${figures.logs.answer_p50_ms}, 10 lines ${figures.logs.answer_with_10_lines_p50_ms}, beside a flood ${figures.logs.answer_beside_a_flood_p50_ms} ms`,
    ],
    ["CPU per 1,000 runs, with client", `${figures.cpu_s_per_1000_runs} s`],
    ["CPU ms per run", list(figures.cpu_ms_per_run_by_process)],
    ["CPU per 1,000 streamed runs", `${figures.cpu_s_per_1000_runs_streamed} s`],
    ["CPU ms per streamed run", list(figures.cpu_ms_per_run_by_process_streamed)],
    ["memory when idle", `${figures.idle_pss_mb} MiB: ${list(figures.idle_pss_mb_by_process)}`],
    ...Object.entries(floors).map(([name, value]): [string, string] => [`floor: ${name}`, String(value)]),
    ["bare web app, one caller", latency(figures.bare_app.one_caller_ms)],
    [
      "bare web app, requests/s",
      `${figures.bare_app.per_s_16} (16 callers, p99 ${figures.bare_app.p99_16_ms} ms), ${figures.bare_app.per_s_128} (128)`,
    ],
    ["CPU per 1,000 of its requests", `${figures.bare_app.cpu_s_per_1000} s`],
    ["machine", `${figures.machine.cores} cores, ${figures.machine.cpu}, Node ${figures.machine.node}`],
  ];
  return `${rows.map(([name, value]) => `${name.padEnd(33)} ${value}`).join("\n")}\n`;
}

/** How long it takes until a step runs again whose worker was killed. */
export function renderKills({ p50, max, kills }: WorkerKillFigures): string {
  return `p50 ${p50}   max ${max} ms of ${kills}`;
}

function rate({ per_s, p50_ms, p99_ms }: LoadFigures): string {
  return `${per_s}   p50 ${p50_ms}   p99 ${p99_ms} ms`;
}
