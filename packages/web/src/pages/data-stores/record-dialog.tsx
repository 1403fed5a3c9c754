import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2, WandSparkles } from "lucide-react";
import { useState } from "react";
import { ApiError, call, segment } from "../../api/http.ts";
import { dataStoresQuery, recordQuery } from "../../api/resources.ts";
import type { DataStoreRecord } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog, FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { formatJson, jsonProblem } from "../../ui/json-text.ts";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { Select } from "../../ui/select.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useSave } from "../../ui/use-save.ts";
import { dropFromPages, putIntoPages } from "./record-pages.ts";

export interface RecordDialogProps {
  readonly store: string;
  /** Key of the one that is looked at; undefined for a new one. */
  readonly recordKey?: string;
  readonly onClose: () => void;
}

/** One record: its whole value, to be read, changed or deleted. */
export function RecordDialog({ store, recordKey, onClose }: RecordDialogProps) {
  if (recordKey === undefined) return <RecordForm store={store} record={undefined} onClose={onClose} />;
  return <LoadedRecord store={store} recordKey={recordKey} onClose={onClose} />;
}

function LoadedRecord({ store, recordKey, onClose }: Required<RecordDialogProps>) {
  const record = useQuery({ ...recordQuery(store, recordKey), refetchOnWindowFocus: false });
  if (record.data !== undefined) return <RecordForm store={store} record={record.data} onClose={onClose} />;
  return (
    <Dialog open size="sheet" onOpenChange={(open) => !open && onClose()} title={recordKey}>
      {record.isPending && <Skeleton rows={6} label="Loading the record" />}
      {record.isError && <ErrorNote error={record.error} onRetry={() => void record.refetch()} />}
    </Dialog>
  );
}

interface RecordFormProps {
  readonly store: string;
  readonly record: DataStoreRecord | undefined;
  readonly onClose: () => void;
}

function RecordForm({ store, record, onClose }: RecordFormProps) {
  const [key, setKey] = useState(record?.key ?? "");
  const [value, setValue] = useState(() => (record === undefined ? "" : formatJson(record.valueJson ?? "")));
  const [life, setLife] = useState<Life>(record?.expireTime === undefined ? "stays" : "keep");
  const { save, conflict } = useRecordSave(store, record, onClose);
  const problem = value === "" && record === undefined ? undefined : jsonProblem(value);
  const bytes = new TextEncoder().encode(key).length;
  const wrongKey = bytes > 1_024 ? "A key has at most 1,024 bytes." : undefined;
  return (
    <FormDialog
      open
      size="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={record === undefined ? "Add record" : key}
      submit={conflict === undefined ? "Save" : "Save mine all the same"}
      valid={key !== "" && value !== "" && problem === undefined && wrongKey === undefined}
      busy={save.isPending}
      error={save.error instanceof ApiError && save.error.reason === CHANGED ? null : save.error}
      onSubmit={() => save.mutate({ key, value, life, overwrite: conflict !== undefined })}
    >
      {record === undefined && (
        <Field
          label="Key"
          error={wrongKey}
          hint="Where there is a record of this key, you are asked before it is replaced."
        >
          {(control) => (
            <input
              {...control}
              className="input mono"
              value={key}
              onChange={(event) => setKey(event.target.value)}
              spellCheck={false}
              autoComplete="off"
              autoFocus
            />
          )}
        </Field>
      )}
      <ValueField value={value} problem={problem} onChange={setValue} />
      <Field label="Ends" hint={record?.expireTime === undefined ? undefined : `Now: ${exactTime(record.expireTime)}`}>
        {(control) => (
          <Select
            {...control}
            value={life}
            onChange={setLife}
            options={lifeOptions(record?.expireTime !== undefined)}
          />
        )}
      </Field>
      {conflict !== undefined && <Conflict theirs={conflict} />}
      {record !== undefined && <DeleteRecord store={store} recordKey={key} onClose={onClose} />}
    </FormDialog>
  );
}

interface ValueFieldProps {
  readonly value: string;
  readonly problem: string | undefined;
  readonly onChange: (value: string) => void;
}

function ValueField({ value, problem, onChange }: ValueFieldProps) {
  return (
    <Field
      label={
        <span className="value-label">
          Value
          <Button
            kind="plain"
            icon={<WandSparkles size={14} aria-hidden />}
            disabled={value === "" || problem !== undefined}
            onClick={() => onChange(formatJson(value))}
          >
            Lay out
          </Button>
        </span>
      }
      error={problem}
      hint={'JSON, such as 1, "text" or {"count": 1}.'}
    >
      {(control) => (
        <textarea
          {...control}
          aria-label="Value"
          className="input mono record-value"
          value={value}
          onChange={(event) => onChange(event.target.value)}
          spellCheck={false}
          autoComplete="off"
        />
      )}
    </Field>
  );
}

function Conflict({ theirs }: { readonly theirs: string }) {
  return (
    <Note kind="warn">
      <p>Somebody else has written this record meanwhile. Nothing is saved yet. It is now:</p>
      <pre className="code-block conflict" tabIndex={0}>
        {formatJson(theirs)}
      </pre>
    </Note>
  );
}

function DeleteRecord({ store, recordKey, onClose }: Required<RecordDialogProps>) {
  const client = useQueryClient();
  const [sure, setSure] = useState(false);
  const remove = useSave({
    save: () => call("POST", `dataStores/${segment(store)}/records:delete`, { body: { key: recordKey } }),
    changes: [dataStoresQuery.queryKey],
    done: () => "The record is deleted",
    always: () => dropFromPages(client, store, recordKey),
    then: onClose,
  });
  return (
    <div className="delete-record">
      <Button
        kind="danger"
        busy={remove.isPending}
        icon={<Trash2 size={15} aria-hidden />}
        onClick={() => (sure ? remove.mutate() : setSure(true))}
        onBlur={() => setSure(false)}
      >
        {sure ? "Really delete it" : "Delete the record"}
      </Button>
      {remove.isError && <ErrorNote error={remove.error} />}
    </div>
  );
}

type Life = "keep" | "stays" | "3600" | "86400" | "604800" | "2592000";

const LIVES = [
  ["stays", "Never: it stays"],
  ["3600", "In an hour"],
  ["86400", "In a day"],
  ["604800", "In a week"],
  ["2592000", "In 30 days"],
] as const satisfies readonly (readonly [Life, string])[];

function lifeOptions(hasEnd: boolean): readonly (readonly [Life, string])[] {
  return hasEnd ? [["keep", "As it was"], ...LIVES] : LIVES;
}

function exactTime(time: string): string {
  return new Date(time).toLocaleString();
}

/** How long a record lives from now on, as the API has it; undefined when it stays. */
function ttlOf(life: Life, expireTime: string | undefined): string | undefined {
  if (life === "stays" || (life === "keep" && expireTime === undefined)) return undefined;
  if (life !== "keep") return `${life}s`;
  return `${Math.max(0.001, (Date.parse(expireTime!) - Date.now()) / 1000).toFixed(3)}s`;
}

const CHANGED = "RECORD_CHANGED";

interface RecordChange {
  readonly key: string;
  readonly value: string;
  readonly life: Life;
  /** True when the person has seen what somebody else has written meanwhile. */
  readonly overwrite: boolean;
}

/** Saves a record, unless it is not any more what was looked at: then `conflict` is what it is now. */
function useRecordSave(store: string, record: DataStoreRecord | undefined, onClose: () => void) {
  const client = useQueryClient();
  const [conflict, setConflict] = useState<string>();
  const save = useSave({
    save: async ({ key, value, life, overwrite }: RecordChange) => {
      const ttl = ttlOf(life, record?.expireTime);
      const now = overwrite ? undefined : await readRecord(store, key);
      if (now !== undefined && now !== record?.valueJson) {
        setConflict(now);
        throw new ApiError(409, "Somebody else has written this record meanwhile.", CHANGED);
      }
      await call("POST", `dataStores/${segment(store)}/records:set`, {
        body: { records: [{ key, valueJson: value, ttl }] },
      });
    },
    changes: [dataStoresQuery.queryKey, ["record", store]],
    done: () => "The record is saved",
    always: (_, { key, value, life }) => {
      if (record === undefined) void client.resetQueries({ queryKey: ["records", store] });
      else putIntoPages(client, store, { key, valueJson: value, ...endOf(life, record.expireTime) });
    },
    then: onClose,
  });
  return { save, conflict };
}

function endOf(life: Life, expireTime: string | undefined): { readonly expireTime?: string } {
  if (life === "stays" || (life === "keep" && expireTime === undefined)) return {};
  return { expireTime: life === "keep" ? expireTime! : new Date(Date.now() + 1000 * Number(life)).toISOString() };
}

async function readRecord(store: string, key: string): Promise<string | undefined> {
  try {
    const query = { key };
    return (await call<DataStoreRecord>("GET", `dataStores/${segment(store)}/records:read`, { query })).valueJson;
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.status === 404) return undefined;
    throw thrown;
  }
}
