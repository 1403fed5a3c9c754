import { useQuery } from "@tanstack/react-query";
import { Ban, Plus } from "lucide-react";
import { useState } from "react";
import { Page } from "../../app/page.tsx";
import { call } from "../../api/http.ts";
import { apiKeysQuery } from "../../api/resources.ts";
import type { ApiKey } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { Dialog, FormDialog } from "../../ui/dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { Field } from "../../ui/field.tsx";
import { ListCard } from "../../ui/list-card.tsx";
import { Note } from "../../ui/note.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago } from "../../ui/time.tsx";
import { useSave } from "../../ui/use-save.ts";
import { SettingsTabs } from "./settings-tabs.tsx";
import "./settings.css";

/** Keys with which programs call the API. */
export function ApiKeysPage() {
  const keys = useQuery(apiKeysQuery);
  const [adding, setAdding] = useState(false);
  const [revoked, setRevoked] = useState<ApiKey>();
  return (
    <Page
      title="Settings"
      actions={
        <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
          Make a key
        </Button>
      }
    >
      <SettingsTabs />
      <ListCard query={keys} loading="Loading the API keys" empty={<NoKeys />}>
        {(all) => <KeyTable keys={all} onRevoke={setRevoked} />}
      </ListCard>
      {adding && <AddKey onClose={() => setAdding(false)} />}
      {revoked !== undefined && (
        <DeleteDialog
          path={revoked.name ?? ""}
          title={`Revoke “${revoked.displayName}”?`}
          confirm="Revoke"
          done={`“${revoked.displayName}” is revoked`}
          changes={[apiKeysQuery.queryKey]}
          onClose={() => setRevoked(undefined)}
        >
          Programs that call with it are refused at once, and sessions that were begun with it end. A revoked key does
          not come back.
        </DeleteDialog>
      )}
    </Page>
  );
}

function NoKeys() {
  return (
    <EmptyState title="No API key" command="npx millrace create-key --name ci">
      Programs call the API with a key. Make one for each, so that one can be revoked without the others.
    </EmptyState>
  );
}

interface KeyTableProps {
  readonly keys: readonly ApiKey[];
  readonly onRevoke: (key: ApiKey) => void;
}

function KeyTable({ keys, onRevoke }: KeyTableProps) {
  return (
    <table className="table">
      <TableHead columns={["What it is for", "Used", "Made"]} actions />
      <tbody>
        {keys.map((key) => (
          <tr key={key.name}>
            <td>
              <span className="strong key-name">{key.displayName}</span>{" "}
              {key.current === true && <span className="badge">yours now</span>}
            </td>
            <td className="muted">
              <Ago time={key.useTime} />
            </td>
            <td className="muted">
              <Ago time={key.createTime} />
            </td>
            <td className="row-menu">
              <Button
                kind="plain"
                icon={<Ban size={15} aria-hidden />}
                aria-label={`Revoke ${key.displayName}`}
                onClick={() => onRevoke(key)}
              >
                Revoke
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function AddKey({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [made, setMade] = useState<string>();
  const save = useSave({
    save: () => call<ApiKey>("POST", "apiKeys", { body: { displayName: name.trim() } }),
    changes: [apiKeysQuery.queryKey],
    then: ({ key }) => setMade(key),
  });
  if (made !== undefined) return <ShowKey name={name.trim()} apiKey={made} onClose={onClose} />;
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Make an API key"
      about="A key may do everything in this project."
      submit="Make it"
      valid={name.trim() !== ""}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <Field label="What it is for" hint="Such as the program that gets it.">
        {(control) => (
          <input
            {...control}
            className="input"
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={100}
            autoComplete="off"
            autoFocus
            required
          />
        )}
      </Field>
    </FormDialog>
  );
}

interface ShowKeyProps {
  readonly name: string;
  readonly apiKey: string;
  readonly onClose: () => void;
}

function ShowKey({ name, apiKey, onClose }: ShowKeyProps) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={`The key for ${name}`}>
      <Note kind="warn">Copy it now. The house keeps no copy that it could show again.</Note>
      <div className="copy-line made-key">
        <code data-testid="api-key">{apiKey}</code>
        <CopyButton text={apiKey} label="Copy the key" />
      </div>
      <footer>
        <Button kind="primary" onClick={onClose}>
          I have it
        </Button>
      </footer>
    </Dialog>
  );
}
