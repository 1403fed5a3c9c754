import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { readRunValue } from "../../api/run-calls.ts";
import type { Run, RunValueKind } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { formatBytes } from "../../ui/format.ts";
import { readJson, writeJson, type JsonValue } from "../../ui/json-tree.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { Switch } from "../../ui/switch.tsx";
import { diffJson, MOST_DIFFERENCES, type JsonDifference } from "./json-diff.ts";

interface ValueSide {
  readonly run: Run;
  readonly path: string;
  readonly json: string | undefined;
}

export interface ComparedValue {
  readonly label: string;
  readonly kind: RunValueKind;
  /** Undefined when the run has no such step. */
  readonly left: ValueSide | undefined;
  readonly right: ValueSide | undefined;
}

const SHOWN_CHARACTERS = 400;

/** What two runs were given, or came to, in one place. */
export function CompareValues({
  title,
  values,
}: {
  readonly title: string;
  readonly values: readonly ComparedValue[];
}) {
  const [withSame, setWithSame] = useState(false);
  return (
    <section className="card" aria-label={`Compare ${title}`}>
      <header>
        <h2>{title}</h2>
        <Switch label="Show what is the same" checked={withSame} onChange={setWithSame} />
      </header>
      {values.map((value) => (
        <ComparedPart key={value.label} value={value} withSame={withSame} alone={values.length === 1} />
      ))}
    </section>
  );
}

interface ComparedPartProps {
  readonly value: ComparedValue;
  readonly withSame: boolean;
  readonly alone: boolean;
}

function ComparedPart({ value: { label, kind, left, right }, withSame, alone }: ComparedPartProps) {
  const a = useSide(left, kind);
  const b = useSide(right, kind);
  const differences = useMemo(
    () => (a.ready && b.ready ? diffJson(a.value, b.value, withSame) : []),
    [a.ready, a.value, b.ready, b.value, withSame],
  );
  if (a.ready && b.ready && a.value === undefined && b.value === undefined) return null;
  const error = a.error ?? b.error;
  return (
    <div className="compared">
      {!alone && <h3>{label}</h3>}
      {error != null && <ErrorNote error={error} />}
      {(!a.ready || !b.ready) && error == null && (
        <p className="nothing muted">
          {formatBytes(a.size + b.size)} in all.{" "}
          <Button
            busy={a.loading || b.loading}
            onClick={() => {
              a.load();
              b.load();
            }}
          >
            Read and compare
          </Button>
        </p>
      )}
      {a.ready && b.ready && <Differences differences={differences} />}
    </div>
  );
}

function Differences({ differences }: { readonly differences: readonly JsonDifference[] }) {
  if (differences.length === 0) return <p className="nothing muted">No difference.</p>;
  return (
    <>
      <table className="table differences">
        <thead className="visually-hidden">
          <tr>
            <th scope="col">Place</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
          </tr>
        </thead>
        <tbody>
          {differences.map(({ path, kind, left, right }) => (
            <tr key={path} className={kind}>
              <th scope="row" className="mono">
                {path === "" ? "all of it" : path}
                {kind !== "same" && <span className="visually-hidden"> {kind}</span>}
              </th>
              <ValueCell value={left} mark={kind === "changed" || kind === "removed" ? "left" : ""} />
              <ValueCell value={right} mark={kind === "changed" || kind === "added" ? "right" : ""} />
            </tr>
          ))}
        </tbody>
      </table>
      {differences.length >= MOST_DIFFERENCES && (
        <p className="nothing muted">The first {MOST_DIFFERENCES.toLocaleString("en")} are shown.</p>
      )}
    </>
  );
}

function ValueCell({ value, mark }: { readonly value: JsonValue | undefined; readonly mark: string }) {
  const text = value === undefined ? "" : writeJson(value);
  return (
    <td className={`mono ${mark}`}>
      {value === undefined ? <span className="faint">not there</span> : text.slice(0, SHOWN_CHARACTERS)}
      {text.length > SHOWN_CHARACTERS && "…"}
    </td>
  );
}

/** A value of one side: there at once, or read when somebody asks for it. */
function useSide(side: ValueSide | undefined, kind: RunValueKind) {
  const [asked, setAsked] = useState(false);
  const large = side?.run.largeValues?.find((value) => value.kind === kind && (value.path ?? "") === side.path);
  const read = useQuery({
    queryKey: ["run-value", side?.run.id, kind, side?.path],
    queryFn: ({ signal }) => readRunValue(side!.run.id!, kind, side!.path, signal),
    enabled: large !== undefined && asked,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
  });
  const json = large === undefined ? side?.json : read.data;
  const value = useMemo(
    () =>
      json === undefined || json === "" || (json === "{}" && kind === "RUN_VALUE_KIND_EXPORTS")
        ? undefined
        : readJson(json),
    [json, kind],
  );
  return {
    ...{ value, ready: large === undefined || read.isSuccess, error: read.error, loading: read.isFetching },
    size: Number(large?.size ?? json?.length ?? 0),
    load: () => setAsked(true),
  };
}
