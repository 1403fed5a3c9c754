import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useMemo, useState } from "react";
import { readRunValue, runValueUrl } from "../../api/run-calls.ts";
import type { Run, RunValueKind } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { formatBytes } from "../../ui/format.ts";
import { JsonTree } from "../../ui/json-tree-view.tsx";
import { readJson } from "../../ui/json-tree.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";

/** Beyond this a value is only for programs. */
const SHOWN_BYTES = 32 * 1024 * 1024;

export interface RunValueProps {
  readonly run: Run;
  readonly kind: RunValueKind;
  /** Address of the step; empty for the event. */
  readonly path: string;
  readonly json: string | undefined;
  readonly label: string;
  /** How a step reads it. */
  readonly pythonPath: string;
}

/** A value of a run as a tree; one that is too large for the run's own message is read when somebody asks for it. */
export function RunValue({ run, kind, path, json, label, pythonPath }: RunValueProps) {
  const large = run.largeValues?.find((value) => value.kind === kind && (value.path ?? "") === path);
  const [asked, setAsked] = useState(false);
  const size = Number(large?.size ?? 0);
  if (large === undefined) {
    if (json === undefined || json === "") return <p className="nothing muted">None.</p>;
    return <JsonText json={json} label={label} path={pythonPath} />;
  }
  return (
    <>
      <div className="large-value">
        <span>
          {formatBytes(size)}
          {asked ? "" : ", which is read when you ask for it."}
        </span>
        {!asked && size <= SHOWN_BYTES && <Button onClick={() => setAsked(true)}>Show</Button>}
        <a className="button" href={runValueUrl(run.id!, kind, path)} download={`${label}.json`}>
          <Download size={14} aria-hidden />
          Download
        </a>
      </div>
      {asked && <LargeValue id={run.id!} kind={kind} path={path} label={label} pythonPath={pythonPath} />}
    </>
  );
}

interface LargeValueProps {
  readonly id: string;
  readonly kind: RunValueKind;
  readonly path: string;
  readonly label: string;
  readonly pythonPath: string;
}

function LargeValue({ id, kind, path, label, pythonPath }: LargeValueProps) {
  const value = useQuery({
    queryKey: ["run-value", id, kind, path],
    queryFn: ({ signal }) => readRunValue(id, kind, path, signal),
    staleTime: Number.POSITIVE_INFINITY,
    // Megabytes are not worth being kept behind the page.
    gcTime: 10_000,
  });
  if (value.isPending) return <Skeleton rows={4} label={`Reading ${label}`} />;
  if (value.isError) return <ErrorNote error={value.error} onRetry={() => void value.refetch()} />;
  return <JsonText json={value.data} label={label} path={pythonPath} />;
}

/** A JSON text as a tree; what is none as the text that it is. */
export function JsonText({
  json,
  label,
  path,
}: {
  readonly json: string;
  readonly label: string;
  readonly path: string;
}) {
  const value = useMemo(() => {
    try {
      return { parsed: readJson(json) };
    } catch {
      return undefined;
    }
  }, [json]);
  if (value === undefined) return <pre className="code-block">{json}</pre>;
  return <JsonTree value={value.parsed} label={label} path={path} />;
}
