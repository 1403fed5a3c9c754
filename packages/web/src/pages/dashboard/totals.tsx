import type { ReactNode } from "react";
import { Link } from "react-router";
import type { ReadSeriesResponse } from "../../api/generated/types.ts";
import type { SeriesFilter } from "../../api/series.ts";
import { formatRate, formatValue, secondsOf } from "./series-data.ts";

/** The whole of the time that is shown, in a few numbers. */
export function Totals({ series, filter }: { readonly series: ReadSeriesResponse; readonly filter: SeriesFilter }) {
  const { total = {}, startTime = "", endTime = "", countedUntil = endTime } = series;
  const { acceptedCount = "0", succeededCount = "0", failedCount = "0", cancelledCount = "0", duration, wait } = total;
  const lengthS = (Math.min(Date.parse(endTime), Date.parse(countedUntil)) - Date.parse(startTime)) / 1000;
  const ended = Number(succeededCount) + Number(failedCount) + Number(cancelledCount);
  const share = ended === 0 ? 0 : (Number(failedCount) / ended) * 100;
  const link = new URLSearchParams({ state: "failed", from: startTime, to: endTime });
  if (filter.workflow !== "") link.set("workflow", filter.workflow);
  const seconds = (text: string | undefined) => (text === undefined ? "–" : formatValue(secondsOf(text)!, "seconds"));
  return (
    <dl className="totals">
      <Total name="Runs accepted" value={Number(acceptedCount).toLocaleString("en")}>
        {lengthS > 0 && formatRate(Number(acceptedCount) / lengthS)}
      </Total>
      <Total name="Failed" value={Number(failedCount).toLocaleString("en")} tone={Number(failedCount) > 0 ? "bad" : ""}>
        {Number(failedCount) > 0 ? (
          <Link to={`/runs?${link}`}>{share < 0.1 ? "less than 0.1" : share.toFixed(1)} % of what ended</Link>
        ) : (
          "none"
        )}
      </Total>
      <Total name="Took, p50" value={seconds(duration?.p50)}>
        from start to end
      </Total>
      <Total name="Took, p95" value={seconds(duration?.p95)}>
        p99 {seconds(duration?.p99)}
      </Total>
      <Total name="Waited, p50" value={seconds(wait?.p50)}>
        until the start
      </Total>
      <Total name="Waited, p95" value={seconds(wait?.p95)}>
        p99 {seconds(wait?.p99)}
      </Total>
    </dl>
  );
}

interface TotalProps {
  readonly name: string;
  readonly value: string;
  readonly tone?: string;
  readonly children: ReactNode;
}

function Total({ name, value, tone = "", children }: TotalProps) {
  return (
    <div className="card total">
      <dt>{name}</dt>
      <dd className={`total-value ${tone}`}>{value}</dd>
      <dd className="faint">{children}</dd>
    </div>
  );
}
