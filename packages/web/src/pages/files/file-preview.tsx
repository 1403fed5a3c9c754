import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { apiUrl, send } from "../../api/http.ts";
import { idOf } from "../../api/resources.ts";
import type { File as HouseFile } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { formatBytes } from "../../ui/format.ts";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { downloadFile } from "./download-file.ts";
import { baseName, pathSegments, previewOf } from "./file-kind.ts";

/** As much of a text as is shown; the rest is there for the download. */
const TEXT_BYTES_MAX = 256 * 1024;
/** Larger pictures would make the browser wait, or fall. */
const IMAGE_BYTES_MAX = 32 * 1024 * 1024;

/** What is in a file, where that can be shown. */
export function FilePreview({ file, onClose }: { readonly file: HouseFile; readonly onClose: () => void }) {
  const path = idOf(file.name);
  return (
    <Dialog open size="sheet" onOpenChange={(open) => !open && onClose()} title={baseName(path)}>
      <dl className="file-facts">
        <dt>Path</dt>
        <dd className="copy-line">
          <code className="truncate" title={path}>
            {path}
          </code>
          <CopyButton text={path} label="Copy the path" />
        </dd>
        <dt>Type</dt>
        <dd>{file.contentType}</dd>
        <dt>Size</dt>
        <dd>{formatBytes(file.size)}</dd>
        <dt>Written</dt>
        <dd>
          <Ago time={file.updateTime} />
        </dd>
      </dl>
      <div>
        <Button icon={<Download size={15} aria-hidden />} onClick={() => downloadFile(path)}>
          Download
        </Button>
      </div>
      <Content path={path} file={file} />
    </Dialog>
  );
}

function Content({ path, file }: { readonly path: string; readonly file: HouseFile }) {
  const kind = previewOf(path, file.contentType ?? "");
  const size = Number(file.size ?? 0);
  if (size === 0) return <p className="muted">The file is empty.</p>;
  if (kind === "image" && size <= IMAGE_BYTES_MAX) return <Picture path={path} written={file.updateTime ?? ""} />;
  if (kind === "text") return <TextContent path={path} size={size} written={file.updateTime ?? ""} />;
  return <p className="muted">Files of this type are not shown here. Download it to look at it.</p>;
}

/** Within an `img` nothing of a picture runs, scripts of SVG included. */
function Picture({ path, written }: { readonly path: string; readonly written: string }) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return <Note kind="warn">The browser cannot show this picture: it may not be what its type says.</Note>;
  const address = apiUrl(`files/${pathSegments(path)}:download`);
  return (
    <div className="picture">
      <img key={written} src={address} alt={`What is in ${baseName(path)}`} onError={() => setBroken(true)} />
    </div>
  );
}

interface TextContentProps {
  readonly path: string;
  readonly size: number;
  readonly written: string;
}

function TextContent({ path, size, written }: TextContentProps) {
  const text = useQuery({
    queryKey: ["fileText", path, written],
    queryFn: ({ signal }) => readText(path, signal),
    gcTime: 0,
  });
  if (text.isPending) return <Skeleton rows={8} label="Loading the file" />;
  if (text.isError) return <ErrorNote error={text.error} onRetry={() => void text.refetch()} />;
  return (
    <>
      <pre className="code-block file-text" tabIndex={0} aria-label="Content of the file">
        {text.data}
      </pre>
      {size > TEXT_BYTES_MAX && (
        <p className="faint">
          The first {formatBytes(TEXT_BYTES_MAX)} of {formatBytes(size)}.
        </p>
      )}
    </>
  );
}

/** Reads the begin of a file; what comes behind it is never asked for. */
async function readText(path: string, signal: AbortSignal): Promise<string> {
  const response = await send("GET", `files/${pathSegments(path)}:download`, { signal });
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let [text, read] = ["", 0];
  while (read < TEXT_BYTES_MAX) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    const bytes = value.subarray(0, TEXT_BYTES_MAX - read);
    read += bytes.length;
    text += decoder.decode(bytes, { stream: true });
  }
  await reader.cancel().catch(() => undefined);
  return text;
}
