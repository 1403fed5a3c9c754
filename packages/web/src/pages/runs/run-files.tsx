import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { runFilesQuery } from "../../api/queries.ts";
import type { Run, RunFile } from "../../api/generated/types.ts";
import { formatBytes } from "../../ui/format.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { isOver } from "../../ui/run-state.tsx";
import { TableHead } from "../../ui/table-head.tsx";

/** Files that the run's event has brought, and those that it has written; nothing for the many runs that have none. */
export function RunFiles({ run }: { readonly run: Run }) {
  const { data, error, refetch } = useQuery(runFilesQuery(run.id!, isOver(run.state)));
  if (error !== null && data === undefined) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  const files = data?.files ?? [];
  if (files.length === 0) return null;
  return (
    <section className="card" aria-labelledby="files-heading">
      <header>
        <h2 id="files-heading">Files</h2>
      </header>
      <table className="table">
        <TableHead columns={["Name", "From", "Type", "Size"]} actions />
        <tbody>
          {files.map((file) => (
            <FileRow key={`${file.origin}${file.url}`} file={file} />
          ))}
        </tbody>
      </table>
      {data?.more === true && <p className="nothing muted">It has written more files than are listed here.</p>}
    </section>
  );
}

function FileRow({ file }: { readonly file: RunFile }) {
  const { origin, name = "", contentType = "", size, url = "" } = file;
  const isWritten = origin === "RUN_FILE_ORIGIN_WRITTEN";
  const shown = isWritten ? name.slice("files/".length) : name || "without a name";
  return (
    <tr>
      <td className="mono run-file">{shown}</td>
      <td>{isWritten ? "written by the run" : "the event"}</td>
      <td>{contentType}</td>
      <td className="mono">{formatBytes(Number(size ?? 0))}</td>
      <td className="row-menu">
        <a className="button icon" href={url} download={shown.split("/").at(-1)} aria-label={`Download ${shown}`}>
          <Download size={15} aria-hidden />
        </a>
      </td>
    </tr>
  );
}
