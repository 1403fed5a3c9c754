import type { BareAppFigures } from "./bare-app.ts";
import type { Figures } from "./table.ts";

/** What the bare app did on the machine on which the marks were set, in the units of `BareAppFigures`. */
const BARE_THEN = { p50: 1.3, p99: 5, perS16: 1861, perS128: 1222, cpu: 0.9 } as const;

interface Mark {
  readonly what: string;
  readonly mark: number;
  readonly unit: string;
  /** Whether more is better. */
  readonly more: boolean;
  readonly measured: number;
  /** How many times as long as then the bare app takes for the like of it; 1 where it has nothing like it. */
  readonly slower: number;
}

/** Each mark beside what was measured, and beside what it comes to at the speed that the bare app says the machine has. */
export function renderMarks(figures: Figures): string {
  const rows = marksOf(figures, figures.bare_app).map(({ what, mark, unit, more, measured, slower }) => {
    const here = more ? mark / slower : mark * slower;
    const share = more ? measured / here : here / measured;
    const isMet = more ? measured >= mark : measured <= mark;
    return [what, `${mark} ${unit}`, measured, isMet ? "yes" : "no", plain(here), `${Math.round(share * 100)} %`].join(
      "\t",
    );
  });
  const head = "mark\tis\tmeasured\tmet\tat this machine's speed it is\tmeasured, of that";
  return `${head}\n${rows.join("\n")}\n`;
}

function marksOf(figures: Figures, bare: BareAppFigures): Mark[] {
  const p50 = bare.one_caller_ms.p50 / BARE_THEN.p50;
  const p99 = bare.one_caller_ms.p99 / BARE_THEN.p99;
  const rate = BARE_THEN.perS128 / bare.per_s_128;
  const rate16 = BARE_THEN.perS16 / bare.per_s_16;
  const { warm_http_ms: warm, warm_http_immediate_ms: immediate, packages_ms: packages } = figures;
  const more = (what: string, unit: string, mark: number, measured: number, slower: number): Mark => ({
    what,
    unit,
    mark,
    measured,
    slower,
    more: true,
  });
  const less = (what: string, unit: string, mark: number, measured: number, slower: number): Mark => ({
    what,
    unit,
    mark,
    measured,
    slower,
    more: false,
  });
  return [
    more(
      "one-step runs",
      "/s",
      2000,
      Math.max(figures.one_step_runs_per_s, figures.one_step_runs_per_s_streamed),
      rate,
    ),
    more(
      "three-step runs",
      "/s",
      1000,
      Math.max(figures.three_step_runs_per_s, figures.three_step_runs_per_s_streamed),
      rate,
    ),
    less(
      "CPU of 1,000 one-step runs",
      "s",
      1,
      Math.min(figures.cpu_s_per_1000_runs, figures.cpu_s_per_1000_runs_streamed),
      bare.cpu_s_per_1000 / BARE_THEN.cpu,
    ),
    less("warm request, p50", "ms", 2.5, warm.p50, p50),
    less("warm request, p99", "ms", 6, warm.p99, p99),
    less("immediate answer, p50", "ms", 2, immediate.p50, p50),
    less("immediate answer, p99", "ms", 5, immediate.p99, p99),
    more("16 callers", "/s", 1500, figures.http_16.per_s, rate16),
    less("16 callers, p99", "ms", 25, figures.http_16.p99_ms, rate16),
    more("accepted at once, 64 callers", "/s", 6000, figures.accept.per_s, rate16),
    less("cold start, p50", "ms", 40, figures.cold_start_ms.p50, 1),
    less("second environment with pandas, p50", "ms", 30, packages.second_environment_pandas, 1),
    less("worker killed, p50", "ms", 300, figures.worker_kill_ms.p50, 1),
    less("memory when idle (300 MB)", "MiB", 286, figures.idle_pss_mb, 1),
    less("deploy of known packages, p50", "ms", 150, packages.deploy_known_set, 1),
    less("deploy of new packages, p50", "ms", 1500, packages.deploy_new_set, 1),
  ];
}

function plain(value: number): string {
  return String(value >= 100 ? Math.round(value) : Math.round(value * 10) / 10);
}
