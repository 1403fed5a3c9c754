import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, EllipsisVertical, Plus, RefreshCw, Trash2, Upload, Workflow } from "lucide-react";
import { useCallback, useDeferredValue, useMemo, useState } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { dataStoresQuery, idOf, recordsQuery } from "../../api/resources.ts";
import type { DataStore, DataStoreRecord } from "../../api/generated/types.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { formatBytes, formatCount } from "../../ui/format.ts";
import { Menu, MenuItem, MenuSeparator } from "../../ui/menu.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { VirtualTable, type Column } from "../../ui/virtual-table.tsx";
import { UsesDialog } from "../../ui/uses-dialog.tsx";
import { DeleteStore } from "./data-stores-page.tsx";
import { downloadExport } from "./download-export.ts";
import { ImportDialog } from "./import-dialog.tsx";
import { RecordDialog } from "./record-dialog.tsx";
import "./data-stores.css";

type Open =
  | { readonly what: "add" | "import" | "delete" | "uses" }
  | { readonly what: "record"; readonly key: string }
  | undefined;

/** One data store: its records by key, however many there are. */
export function DataStorePage() {
  const { store: name = "" } = useParams();
  return <OpenStore key={name} name={name} />;
}

function OpenStore({ name }: { readonly name: string }) {
  const navigate = useNavigate();
  const stores = useQuery(dataStoresQuery);
  const store = stores.data?.find((each) => idOf(each.name) === name);
  const [parameters, setParameters] = useSearchParams();
  const prefix = parameters.get("prefix") ?? "";
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      full
      title={name}
      trail={<Link to="/data-stores">Data stores</Link>}
      badges={store !== undefined && <span className="faint">{sizeText(store)}</span>}
      actions={<Actions name={name} prefix={prefix} exists={store !== undefined} onOpen={setOpen} />}
    >
      <div className="card records">
        <div className="list-bar">
          <SearchField
            label="Keys that start with…"
            value={prefix}
            onChange={(text) => setParameters(text === "" ? {} : { prefix: text }, { replace: true })}
          />
          <Refresh store={name} />
        </div>
        <Records
          store={name}
          prefix={useDeferredValue(prefix)}
          count={store?.recordCount}
          onOpen={setOpen}
          open={open}
        />
      </div>
      {open?.what === "add" && <RecordDialog store={name} onClose={close} />}
      {open?.what === "record" && <RecordDialog key={open.key} store={name} recordKey={open.key} onClose={close} />}
      {open?.what === "import" && <ImportDialog store={name} onClose={close} />}
      {open?.what === "uses" && (
        <UsesDialog target={`dataStores/${name}`} title={`Where ${name} is used`} onClose={close} />
      )}
      {open?.what === "delete" && store !== undefined && (
        <DeleteStore store={store} onClose={close} onDone={() => void navigate("/data-stores")} />
      )}
    </Page>
  );
}

function sizeText({ recordCount, sizeBytes }: DataStore): string {
  const records = recordCount === "1" ? "1 record" : `${formatCount(recordCount)} records`;
  return `${records} · ${formatBytes(sizeBytes)}`;
}

interface ActionsProps {
  readonly name: string;
  readonly prefix: string;
  readonly exists: boolean;
  readonly onOpen: (open: Open) => void;
}

function Actions({ name, prefix, exists, onOpen }: ActionsProps) {
  return (
    <>
      <Menu trigger={<IconButton label="More of this data store" icon={<EllipsisVertical size={16} aria-hidden />} />}>
        <MenuItem icon={<Upload size={15} aria-hidden />} onSelect={() => onOpen({ what: "import" })}>
          Import
        </MenuItem>
        <MenuItem
          icon={<Download size={15} aria-hidden />}
          disabled={!exists}
          onSelect={() => downloadExport(name, prefix)}
        >
          {prefix === "" ? "Export" : "Export what is found"}
        </MenuItem>
        <MenuItem icon={<Workflow size={15} aria-hidden />} onSelect={() => onOpen({ what: "uses" })}>
          Where it is used
        </MenuItem>
        <MenuSeparator />
        <MenuItem
          danger
          icon={<Trash2 size={15} aria-hidden />}
          disabled={!exists}
          onSelect={() => onOpen({ what: "delete" })}
        >
          Delete the data store
        </MenuItem>
      </Menu>
      <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => onOpen({ what: "add" })}>
        Add record
      </Button>
    </>
  );
}

function Refresh({ store }: { readonly store: string }) {
  const client = useQueryClient();
  return (
    <IconButton
      kind="plain"
      label="Read again"
      icon={<RefreshCw size={15} aria-hidden />}
      onClick={() => {
        void client.resetQueries({ queryKey: ["records", store] });
        void client.invalidateQueries({ queryKey: dataStoresQuery.queryKey });
      }}
    />
  );
}

interface RecordsProps {
  readonly store: string;
  readonly prefix: string;
  readonly count: string | undefined;
  readonly open: Open;
  readonly onOpen: (open: Open) => void;
}

function Records({ store, prefix, count, open, onOpen }: RecordsProps) {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery(
    recordsQuery(store, prefix),
  );
  const records = useMemo(() => data?.pages.flatMap((page) => page.records) ?? [], [data]);
  const loadMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const columns = useMemo(() => columnsFor((key) => onOpen({ what: "record", key })), [onOpen]);
  if (isPending) return <Skeleton rows={10} label="Loading the records" />;
  return (
    <>
      {error !== null && <ErrorNote error={error} onRetry={() => void (data === undefined ? refetch() : loadMore())} />}
      {error === null && records.length === 0 && <NoRecords store={store} prefix={prefix} />}
      {records.length > 0 && (
        <VirtualTable
          label={`Records of ${store}`}
          rows={records}
          rowKey={({ key = "" }) => key}
          columns={columns}
          count={prefix === "" && count !== undefined ? Number(count) : undefined}
          hasMore={hasNextPage && error === null}
          loadMore={loadMore}
          chosen={open?.what === "record" ? open.key : undefined}
        />
      )}
      {records.length > 0 && (
        <p className="list-foot faint" role="status">
          {footText(records.length, hasNextPage, isFetchingNextPage)}
        </p>
      )}
    </>
  );
}

function footText(read: number, hasMore: boolean, isReading: boolean): string {
  if (isReading) return `${formatCount(read)} read, reading on…`;
  return hasMore ? `${formatCount(read)} read; more come as you scroll` : `${formatCount(read)} in all`;
}

function columnsFor(onOpen: (key: string) => void): readonly Column<DataStoreRecord>[] {
  return [
    {
      title: "Key",
      width: "minmax(160px, 2fr)",
      cell: ({ key = "" }) => (
        <button type="button" className="key-button mono" title={key} onClick={() => onOpen(key)}>
          {key}
        </button>
      ),
    },
    {
      title: "Value",
      width: "minmax(160px, 4fr)",
      cell: ({ valueJson = "" }) => <code className="muted">{valueJson}</code>,
    },
    {
      title: "Ends",
      width: "120px",
      cell: ({ expireTime }) =>
        expireTime === undefined ? <span className="faint">stays</span> : <Ago time={expireTime} />,
    },
  ];
}

function NoRecords({ store, prefix }: { readonly store: string; readonly prefix: string }) {
  if (prefix !== "")
    return (
      <EmptyState title="No key starts like this">
        Keys are compared letter by letter, capitals included, from their first one on.
      </EmptyState>
    );
  return (
    <EmptyState title="Nothing in it" command={`npx millrace store set ${store} hello '{"count": 1}'`}>
      Add a record here, import a file, or let a step write.
    </EmptyState>
  );
}
