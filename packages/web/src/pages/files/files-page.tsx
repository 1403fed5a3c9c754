import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Eye, File as FileIcon, FileImage, FileText, Folder, Link2, Trash2 } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { call } from "../../api/http.ts";
import { filesQuery, idOf } from "../../api/resources.ts";
import type { File as HouseFile, FileLink } from "../../api/generated/types.ts";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { formatBytes } from "../../ui/format.ts";
import { MenuItem } from "../../ui/menu.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { RowMenu } from "../../ui/row-menu.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";
import { VirtualTable, type Column } from "../../ui/virtual-table.tsx";
import { baseName, pathSegments, previewOf } from "./file-kind.ts";
import { downloadFile } from "./download-file.ts";
import { FilePreview } from "./file-preview.tsx";
import { FolderTrail } from "./folder-trail.tsx";
import { UploadArea } from "./upload-area.tsx";
import "./files-page.css";

/** The files that steps keep with `pd.files`: look, put, take, throw away. */
export function FilesPage() {
  const [parameters, setParameters] = useSearchParams();
  const directory = parameters.get("in") ?? "";
  const [shown, setShown] = useState<HouseFile>();
  const [deleted, setDeleted] = useState<HouseFile>();
  const client = useQueryClient();
  const enter = useCallback((path: string) => setParameters(path === "" ? {} : { in: path }), [setParameters]);
  return (
    <UploadArea
      directory={directory}
      onUploaded={() => void client.invalidateQueries({ queryKey: ["files"] })}
      page={(uploadButton, uploads) => (
        <Page full title="Files" actions={uploadButton}>
          {uploads}
          <div className="card records">
            <FolderTrail directory={directory} onEnter={enter} />
            <FileList directory={directory} onEnter={enter} onShow={setShown} onDelete={setDeleted} />
          </div>
          {shown !== undefined && <FilePreview file={shown} onClose={() => setShown(undefined)} />}
          {deleted !== undefined && <DeleteFile file={deleted} onClose={() => setDeleted(undefined)} />}
        </Page>
      )}
    />
  );
}

interface FileActions {
  readonly onEnter: (path: string) => void;
  readonly onShow: (file: HouseFile) => void;
  readonly onDelete: (file: HouseFile) => void;
}

function FileList({ directory, onEnter, onShow, onDelete }: FileActions & { readonly directory: string }) {
  const { data, error, isPending, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery(filesQuery(directory));
  const files = useMemo(() => data?.pages.flatMap((page) => page.files) ?? [], [data]);
  const loadMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const columns = useMemo(() => columnsFor({ onEnter, onShow, onDelete }), [onEnter, onShow, onDelete]);
  if (isPending) return <Skeleton rows={8} label="Loading the files" />;
  return (
    <>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {error === null && files.length === 0 && <NoFiles directory={directory} />}
      {files.length > 0 && (
        <VirtualTable
          label="Files"
          rows={files}
          rowKey={({ name = "" }) => name}
          columns={columns}
          hasMore={hasNextPage && error === null}
          loadMore={loadMore}
        />
      )}
    </>
  );
}

function NoFiles({ directory }: { readonly directory: string }) {
  return (
    <EmptyState
      title={directory === "" ? "No files yet" : "Nothing in this directory"}
      command={`npx millrace files put report.csv ${directory}report.csv`}
    >
      Drop files anywhere on this page. Steps read and write them with <code>pd.files</code>.
    </EmptyState>
  );
}

function iconOf({ directory, name = "", contentType = "" }: HouseFile) {
  if (directory === true) return <Folder size={16} aria-hidden />;
  const kind = previewOf(name, contentType);
  const Icon = kind === "image" ? FileImage : kind === "text" ? FileText : FileIcon;
  return <Icon size={16} aria-hidden />;
}

function columnsFor({ onEnter, onShow, onDelete }: FileActions): readonly Column<HouseFile>[] {
  const open = (file: HouseFile): void => (file.directory === true ? onEnter(idOf(file.name)) : onShow(file));
  return [
    {
      title: "Name",
      width: "minmax(200px, 3fr)",
      cell: (file) => (
        <button type="button" className="file-button" title={idOf(file.name)} onClick={() => open(file)}>
          {iconOf(file)}
          <span className="truncate">{baseName(idOf(file.name))}</span>
          {file.directory === true && <span className="visually-hidden">, a directory</span>}
        </button>
      ),
    },
    {
      title: "Type",
      width: "minmax(110px, 1fr)",
      cell: ({ contentType = "", directory }) => (
        <span className="muted" title={contentType}>
          {directory === true ? "directory" : contentType}
        </span>
      ),
    },
    {
      title: "Size",
      width: "90px",
      end: true,
      cell: ({ size, directory }) => (directory === true ? "" : <span className="number">{formatBytes(size)}</span>),
    },
    {
      title: "Written",
      width: "110px",
      cell: ({ updateTime, directory }) =>
        directory === true ? (
          ""
        ) : (
          <span className="muted">
            <Ago time={updateTime} />
          </span>
        ),
    },
    {
      title: "",
      width: "32px",
      cell: (file) => file.directory !== true && <FileMenu file={file} onShow={onShow} onDelete={onDelete} />,
    },
  ];
}

function FileMenu({ file, onShow, onDelete }: Omit<FileActions, "onEnter"> & { readonly file: HouseFile }) {
  const path = idOf(file.name);
  return (
    <RowMenu label={`Actions for ${baseName(path)}`}>
      <MenuItem icon={<Eye size={15} aria-hidden />} onSelect={() => onShow(file)}>
        Look at it
      </MenuItem>
      <MenuItem icon={<Download size={15} aria-hidden />} onSelect={() => downloadFile(path)}>
        Download
      </MenuItem>
      <MenuItem icon={<Link2 size={15} aria-hidden />} onSelect={() => void copyLink(path)}>
        Copy a link for 30 minutes
      </MenuItem>
      <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={() => onDelete(file)}>
        Delete
      </MenuItem>
    </RowMenu>
  );
}

async function copyLink(path: string): Promise<void> {
  try {
    const { url = "" } = await call<FileLink>("POST", `files/${pathSegments(path)}:createLink`, { body: {} });
    await navigator.clipboard.writeText(url);
    toast("The link is copied. Whoever has it can read the file for 30 minutes.");
  } catch (thrown) {
    toast(`No link: ${(thrown as Error).message}`, "bad");
  }
}

function DeleteFile({ file, onClose }: { readonly file: HouseFile; readonly onClose: () => void }) {
  const path = idOf(file.name);
  return (
    <DeleteDialog
      path={`files/${pathSegments(path)}`}
      title={`Delete ${baseName(path)}?`}
      done={`${baseName(path)} is deleted`}
      changes={[["files"]]}
      onClose={onClose}
    >
      The file <code>{path}</code> goes at once, and does not come back.
    </DeleteDialog>
  );
}
