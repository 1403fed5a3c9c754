import { Check, TriangleAlert, Upload, X } from "lucide-react";
import { useRef, useState, type DragEvent, type ReactNode } from "react";
import { upload } from "../../api/upload.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { formatBytes } from "../../ui/format.ts";
import { toast } from "../../ui/toast.tsx";
import { pathSegments } from "./file-kind.ts";

interface Upload {
  readonly path: string;
  readonly size: number;
  readonly part: number;
  readonly state: "waiting" | "sending" | "done" | "failed";
  readonly problem: string;
}

export interface UploadAreaProps {
  /** Where files go, with a slash at its end; empty for the root. */
  readonly directory: string;
  readonly onUploaded: () => void;
  /** The page, with the button and the list of what is under way in their places. */
  readonly page: (button: ReactNode, uploads: ReactNode) => ReactNode;
}

/** Takes files that are chosen or dropped, and sends them one after the other. */
export function UploadArea({ directory, onUploaded, page }: UploadAreaProps) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const { uploads, add, forget, cancel } = useUploads(directory, onUploaded);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    add([...event.dataTransfer.files]);
  };
  const button = (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={(event) => {
          add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <Button kind="primary" icon={<Upload size={15} aria-hidden />} onClick={() => input.current?.click()}>
        Upload
      </Button>
    </>
  );
  return (
    <div
      className={over ? "drop-area over" : "drop-area"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(event.dataTransfer.types.includes("Files"));
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Node | null) || setOver(false)}
      onDrop={drop}
    >
      {page(button, uploads.length > 0 && <UploadList uploads={uploads} onForget={forget} onCancel={cancel} />)}
      {over && <div className="drop-here">Drop to upload to {directory === "" ? "all files" : directory}</div>}
    </div>
  );
}

function useUploads(directory: string, onUploaded: () => void) {
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const queue = useRef<Promise<void>>(Promise.resolve());
  const controls = useRef(new Map<string, AbortController>());
  const change = (path: string, to: Partial<Upload>): void =>
    setUploads((all) => all.map((each) => (each.path === path ? { ...each, ...to } : each)));
  const sendOne = async (path: string, file: File, signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return;
    change(path, { state: "sending" });
    try {
      const contentType = file.type === "" ? "application/octet-stream" : file.type;
      const onProgress = (part: number): void => change(path, { part });
      await upload("PUT", `files/${pathSegments(path)}`, file, { contentType, onProgress, signal });
      change(path, { state: "done", part: 1 });
      toast(`${file.name} is uploaded`);
      onUploaded();
    } catch (thrown) {
      change(path, { state: "failed", problem: (thrown as Error).message });
    }
  };
  const add = (files: readonly File[]): void => {
    for (const file of files) {
      const path = `${directory}${file.name}`.normalize("NFC");
      const control = new AbortController();
      controls.current.set(path, control);
      const fresh: Upload = { path, size: file.size, part: 0, state: "waiting", problem: "" };
      setUploads((all) => [...all.filter((each) => each.path !== path), fresh]);
      queue.current = queue.current.then(() => sendOne(path, file, control.signal));
    }
  };
  const forget = (): void => setUploads((all) => all.filter(({ state }) => state === "waiting" || state === "sending"));
  const cancel = (path: string): void => {
    controls.current.get(path)?.abort();
    change(path, { state: "failed", problem: "cancelled" });
  };
  return { uploads, add, forget, cancel };
}

interface UploadListProps {
  readonly uploads: readonly Upload[];
  readonly onForget: () => void;
  readonly onCancel: (path: string) => void;
}

function UploadList({ uploads, onForget, onCancel }: UploadListProps) {
  const isBusy = uploads.some(({ state }) => state === "waiting" || state === "sending");
  return (
    <section className="card uploads" aria-label="Uploads">
      <ul>
        {uploads.map((each) => (
          <li key={each.path}>
            <UploadState state={each.state} />
            <span className="truncate" title={each.path}>
              {each.path}
            </span>
            <span className="faint">{formatBytes(each.size)}</span>
            {each.problem !== "" && <span className="wrong">{each.problem}</span>}
            {each.state === "sending" && <progress aria-label={`Sent of ${each.path}`} value={each.part} max={1} />}
            {(each.state === "sending" || each.state === "waiting") && (
              <IconButton
                kind="plain"
                label={`Cancel the upload of ${each.path}`}
                icon={<X size={14} aria-hidden />}
                onClick={() => onCancel(each.path)}
              />
            )}
          </li>
        ))}
      </ul>
      {!isBusy && (
        <IconButton kind="plain" label="Close the list" icon={<X size={15} aria-hidden />} onClick={onForget} />
      )}
    </section>
  );
}

function UploadState({ state }: { readonly state: Upload["state"] }) {
  if (state === "done") return <Check size={15} className="good-icon" aria-label="uploaded" />;
  if (state === "failed") return <TriangleAlert size={15} className="bad-icon" aria-label="failed" />;
  return <Upload size={15} aria-label={state === "waiting" ? "waiting" : "sending"} />;
}
