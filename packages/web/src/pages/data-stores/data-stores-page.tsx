import { useQuery } from "@tanstack/react-query";
import { Download, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { Page } from "../../app/page.tsx";
import { segment } from "../../api/http.ts";
import { dataStoresQuery, idOf, storageQuery } from "../../api/resources.ts";
import type { DataStore } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { formatBytes, formatCount } from "../../ui/format.ts";
import { ListCard } from "../../ui/list-card.tsx";
import { MenuItem } from "../../ui/menu.tsx";
import { RowMenu } from "../../ui/row-menu.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago } from "../../ui/time.tsx";
import { downloadExport } from "./download-export.ts";
import { NewStoreDialog } from "./new-store-dialog.tsx";
import "./data-stores.css";

/** What steps keep between runs: all data stores. */
export function DataStoresPage() {
  const stores = useQuery(dataStoresQuery);
  const storage = useQuery(storageQuery);
  const [adding, setAdding] = useState(false);
  return (
    <Page
      title="Data stores"
      actions={
        <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
          New data store
        </Button>
      }
    >
      <p className="lead">
        What steps keep between runs, by key.
        {storage.data !== undefined && ` ${formatBytes(storage.data.dataStoreBytes)} in all.`}
      </p>
      <ListCard query={stores} loading="Loading the data stores" empty={<NoStores />}>
        {(all) => <StoreList stores={all} />}
      </ListCard>
      {adding && <NewStoreDialog taken={stores.data ?? []} onClose={() => setAdding(false)} />}
    </Page>
  );
}

function NoStores() {
  return (
    <EmptyState title="No data store yet" command={`npx millrace store set seen hello '{"count": 1}'`}>
      A store is made by the first record in it: here, on the command line, or by a step that a data store is an input
      of.
    </EmptyState>
  );
}

function StoreList({ stores }: { readonly stores: readonly DataStore[] }) {
  const [text, setText] = useState("");
  const [deleted, setDeleted] = useState<DataStore>();
  const shown = stores.filter(({ name }) => idOf(name).toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <>
      <div className="list-bar">
        <SearchField label={`Search ${stores.length} data stores`} value={text} onChange={setText} />
      </div>
      {shown.length === 0 && <p className="no-match muted">No data store has “{text}” in its name.</p>}
      {shown.length > 0 && (
        <table className="table">
          <TableHead
            columns={["Name", { text: "Records", className: "end" }, { text: "Size", className: "end" }, "Made"]}
            actions
          />
          <tbody>
            {shown.map((store) => (
              <StoreRow key={store.name} store={store} onDelete={() => setDeleted(store)} />
            ))}
          </tbody>
        </table>
      )}
      {deleted !== undefined && <DeleteStore store={deleted} onClose={() => setDeleted(undefined)} />}
    </>
  );
}

function StoreRow({ store, onDelete }: { readonly store: DataStore; readonly onDelete: () => void }) {
  const name = idOf(store.name);
  return (
    <tr>
      <td>
        <Link to={`/data-stores/${encodeURIComponent(name)}`} className="row-link">
          {name}
        </Link>
      </td>
      <td className="number end">{formatCount(store.recordCount)}</td>
      <td className="number end">{formatBytes(store.sizeBytes)}</td>
      <td className="muted">
        <Ago time={store.createTime} />
      </td>
      <td className="row-menu">
        <StoreMenu name={name} onDelete={onDelete} />
      </td>
    </tr>
  );
}

/** Asks before a store goes with all that is in it. */
export function DeleteStore({
  store,
  onClose,
  onDone,
}: {
  readonly store: DataStore;
  readonly onClose: () => void;
  readonly onDone?: () => void;
}) {
  const name = idOf(store.name);
  const records = formatCount(store.recordCount);
  return (
    <DeleteDialog
      path={`dataStores/${segment(name)}`}
      title={`Delete ${name}?`}
      done={`${name} is deleted`}
      changes={[dataStoresQuery.queryKey, ["records", name]]}
      typed={name}
      onClose={onClose}
      {...(onDone === undefined ? {} : { onDone })}
    >
      All {records} records in it go at once, and do not come back. Steps that use it begin with an empty store.
    </DeleteDialog>
  );
}

function StoreMenu({ name, onDelete }: { readonly name: string; readonly onDelete: () => void }) {
  return (
    <RowMenu label={`Actions for ${name}`}>
      <MenuItem icon={<Download size={15} aria-hidden />} onSelect={() => downloadExport(name, "")}>
        Export
      </MenuItem>
      <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={onDelete}>
        Delete
      </MenuItem>
    </RowMenu>
  );
}
