import { useQuery } from "@tanstack/react-query";
import { ExternalLink, KeyRound, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Page } from "../../app/page.tsx";
import { call, segment } from "../../api/http.ts";
import { accountsQuery, appsQuery, idOf } from "../../api/resources.ts";
import type { App, AppAuth } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { jsonProblem } from "../../ui/json-text.ts";
import { ListCard } from "../../ui/list-card.tsx";
import { MenuItem } from "../../ui/menu.tsx";
import { RowMenu } from "../../ui/row-menu.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { TabLinks } from "../../ui/tabs.tsx";
import { useSave } from "../../ui/use-save.ts";
import { ACCOUNT_TABS } from "./accounts-page.tsx";
import { AppMark } from "./app-mark.tsx";
import "./accounts.css";

type Open = { readonly what: "define" } | { readonly what: "client" | "delete"; readonly app: App } | undefined;

/** What accounts can be of: apps that the house knows, and the project's own. */
export function AppsPage() {
  const apps = useQuery(appsQuery);
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      title="Accounts"
      actions={
        <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setOpen({ what: "define" })}>
          Define an app
        </Button>
      }
    >
      <TabLinks label="Accounts and apps" links={ACCOUNT_TABS} />
      <ListCard query={apps} loading="Loading the apps" empty={null}>
        {(all) => <AppTable apps={all} onOpen={setOpen} />}
      </ListCard>
      {open?.what === "define" && <DefineDialog onClose={close} />}
      {open?.what === "client" && <ClientDialog app={open.app} onClose={close} />}
      {open?.what === "delete" && <DeleteApp app={open.app} onClose={close} />}
    </Page>
  );
}

const WAYS: Readonly<Record<AppAuth, string>> = {
  APP_AUTH_UNSPECIFIED: "–",
  APP_AUTH_KEY: "Keys",
  APP_AUTH_OAUTH: "OAuth",
  APP_AUTH_CLIENT_CREDENTIALS: "Client credentials",
};

function AppTable({ apps, onOpen }: { readonly apps: readonly App[]; readonly onOpen: (open: Open) => void }) {
  return (
    <table className="table apps-known">
      <TableHead columns={["App", "Connected with", "OAuth client", "Whose"]} actions />
      <tbody>
        {apps.map((app) => (
          <AppRow key={app.name} app={app} onOpen={onOpen} />
        ))}
      </tbody>
    </table>
  );
}

function AppRow({ app, onOpen }: { readonly app: App; readonly onOpen: (open: Open) => void }) {
  const wantsClient = app.auth === "APP_AUTH_OAUTH" || app.auth === "APP_AUTH_CLIENT_CREDENTIALS";
  return (
    <tr>
      <td>
        <span className="app-line">
          <AppMark title={app.title ?? ""} />
          <span className="strong truncate">{app.title}</span>
          <code className="faint">{idOf(app.name)}</code>
        </span>
      </td>
      <td className="muted">{WAYS[app.auth ?? "APP_AUTH_UNSPECIFIED"]}</td>
      <td>
        {!wantsClient && <span className="faint">not needed</span>}
        {wantsClient && app.clientSet === true && <span className="badge good">set</span>}
        {wantsClient && app.clientSet !== true && (
          <Button aria-label={`Set it: the client of ${app.title}`} onClick={() => onOpen({ what: "client", app })}>
            Set it
          </Button>
        )}
      </td>
      <td className="muted">{app.custom === true ? <span className="badge info">yours</span> : "built in"}</td>
      <td className="row-menu">
        {(wantsClient || app.custom === true || app.clientSet === true) && (
          <RowMenu label={`Actions for ${app.title}`}>
            {wantsClient && (
              <MenuItem icon={<KeyRound size={15} aria-hidden />} onSelect={() => onOpen({ what: "client", app })}>
                Set the OAuth client
              </MenuItem>
            )}
            {(app.custom === true || app.clientSet === true) && (
              <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={() => onOpen({ what: "delete", app })}>
                {app.custom === true ? "Delete the definition" : "Forget the client"}
              </MenuItem>
            )}
          </RowMenu>
        )}
      </td>
    </tr>
  );
}

function DeleteApp({ app, onClose }: { readonly app: App; readonly onClose: () => void }) {
  return (
    <DeleteDialog
      path={`apps/${segment(idOf(app.name))}`}
      title={app.custom === true ? `Delete ${app.title}?` : `Forget the client of ${app.title}?`}
      confirm={app.custom === true ? "Delete" : "Forget it"}
      done={app.custom === true ? `${app.title} is deleted` : `The client of ${app.title} is forgotten`}
      changes={[appsQuery.queryKey]}
      onClose={onClose}
    >
      What the project says of this app goes: its definition and its client. That is refused while there are accounts of
      it.
    </DeleteDialog>
  );
}

function ClientDialog({ app, onClose }: { readonly app: App; readonly onClose: () => void }) {
  const save = useSave({
    save: (fields: FormData) =>
      call("POST", `apps/${segment(idOf(app.name))}:setClient`, {
        body: { clientId: fields.get("id"), clientSecret: fields.get("secret") },
      }),
    changes: [appsQuery.queryKey, accountsQuery.queryKey],
    done: () => `${app.title} has a client`,
    then: onClose,
  });
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`OAuth client of ${app.title}`}
      about="Providers know clients, not people: make one there, once for this house."
      submit="Save"
      busy={save.isPending}
      error={save.error}
      onSubmit={(fields) => save.mutate(fields)}
    >
      <ol className="steps">
        {(app.setupUrl ?? "") !== "" && (
          <li>
            <a href={app.setupUrl} target="_blank" rel="noreferrer">
              Make a client at {app.title} <ExternalLink size={13} aria-hidden />
            </a>
          </li>
        )}
        {(app.redirectUri ?? "") !== "" && (
          <li>
            Enter this as its redirect address:
            <span className="copy-line">
              <code className="truncate">{app.redirectUri}</code>
              <CopyButton text={app.redirectUri ?? ""} label="Copy the redirect address" />
            </span>
          </li>
        )}
        <li>Give its id and secret to the house.</li>
      </ol>
      <Field label="Client id">
        {(control) => (
          <input
            {...control}
            name="id"
            className="input mono"
            autoComplete="off"
            spellCheck={false}
            required
            autoFocus
          />
        )}
      </Field>
      <Field label="Client secret" optional hint="Empty for a public client.">
        {(control) => <input {...control} name="secret" type="password" className="input mono" autoComplete="off" />}
      </Field>
    </FormDialog>
  );
}

const TEMPLATE = `{
  "name": "my_app",
  "title": "My app",
  "auth": "key",
  "fields": [
    { "name": "api_key", "title": "API key", "secret": true }
  ],
  "tests": [
    {
      "method": "GET",
      "url": "https://example.com/me",
      "headers": { "authorization": "Bearer {{api_key}}" }
    }
  ]
}`;

function DefineDialog({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState(TEMPLATE);
  const save = useSave({
    save: () => call<App>("POST", "apps", { body: { definitionJson: text } }),
    changes: [appsQuery.queryKey],
    done: (app) => `${app.title} is defined`,
    then: onClose,
  });
  const problem = jsonProblem(text);
  return (
    <FormDialog
      open
      size="large"
      onOpenChange={(open) => !open && onClose()}
      title="Define an app"
      about="What its accounts have, how they are connected, and how one is tested. One of the same name is replaced."
      submit="Save"
      valid={problem === undefined}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <Field
        label="Definition"
        error={problem}
        hint="JSON, in the form of the guide to environment variables and accounts."
      >
        {(control) => (
          <textarea
            {...control}
            className="input mono definition"
            value={text}
            onChange={(event) => setText(event.target.value)}
            spellCheck={false}
            autoFocus
          />
        )}
      </Field>
    </FormDialog>
  );
}
