import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowLeft, ExternalLink } from "lucide-react";
import { useCallback, useState } from "react";
import { Link } from "react-router";
import { call } from "../../api/http.ts";
import { accountsQuery, appsQuery, idOf } from "../../api/resources.ts";
import type { Account, AccountField, App } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog, FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { toast } from "../../ui/toast.tsx";
import { useSave } from "../../ui/use-save.ts";
import { AccountFields, areComplete, fieldsOf, toSend } from "./account-fields.tsx";
import { AppMark } from "./app-mark.tsx";
import { Authorizing, beginAuthorizing, openProviderWindow, type Asked } from "./authorize.tsx";

/** Accounts of something that the house does not know have any fields. */
const ANY = "apps/custom";
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

export interface ConnectDialogProps {
  readonly taken: readonly Account[];
  readonly onClose: () => void;
}

/** Connects an account: first its app, then its name and keys, or the provider's own page. */
export function ConnectDialog({ taken, onClose }: ConnectDialogProps) {
  const [app, setApp] = useState<App>();
  if (app === undefined) return <ChooseApp onChoose={setApp} onClose={onClose} />;
  return <Connect app={app} taken={taken} onBack={() => setApp(undefined)} onClose={onClose} />;
}

function ChooseApp({ onChoose, onClose }: { readonly onChoose: (app: App) => void; readonly onClose: () => void }) {
  const apps = useQuery(appsQuery);
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const shown = (apps.data ?? []).filter(({ title = "", name }) =>
    `${title} ${idOf(name)}`.toLowerCase().includes(wanted),
  );
  return (
    <Dialog
      open
      size="large"
      onOpenChange={(open) => !open && onClose()}
      title="Connect account"
      about="What is it an account of?"
    >
      <div className="app-search">
        <SearchField label="Search apps" value={text} onChange={setText} />
      </div>
      {apps.isPending && <Skeleton rows={4} label="Loading the apps" />}
      {apps.isError && <ErrorNote error={apps.error} onRetry={() => void apps.refetch()} />}
      <ul className="apps">
        {shown.map((each) => (
          <li key={each.name}>
            <button type="button" className="app" onClick={() => onChoose(each)}>
              <AppMark title={each.title ?? ""} />
              <span>
                <span className="strong">{each.title}</span>
                <span className="faint">{waysIn(each)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {apps.data !== undefined && shown.length === 0 && <p className="muted">No app has “{text}” in its name.</p>}
    </Dialog>
  );
}

function waysIn({ auth, fields = [], name }: App): string {
  if (name === ANY) return "any fields";
  if (auth === "APP_AUTH_OAUTH") return fields.length > 0 ? "OAuth or a token" : "OAuth";
  return auth === "APP_AUTH_CLIENT_CREDENTIALS" ? "client credentials" : "keys";
}

interface ConnectProps {
  readonly app: App;
  readonly taken: readonly Account[];
  readonly onBack: () => void;
  readonly onClose: () => void;
}

function Connect({ app, taken, onBack, onClose }: ConnectProps) {
  const mayAsk = app.auth === "APP_AUTH_OAUTH" || app.auth === "APP_AUTH_CLIENT_CREDENTIALS";
  const [byKeys, setByKeys] = useState(!mayAsk);
  const [name, setName] = useState(() => freeName(app, taken));
  const [fields, setFields] = useState(() => fieldsOf(app));
  const [scopes, setScopes] = useState(() => (app.scopes ?? []).join(" "));
  const connect = useConnect(app, onClose);
  if (connect.asked !== undefined) {
    return <Asking app={app} name={name} asked={connect.asked} onClose={onClose} />;
  }
  const problem = nameProblem(name, taken);
  const isReady = byKeys ? areComplete(app, fields) : app.clientSet === true;
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Connect ${app.title}`}
      submit={byKeys || app.auth !== "APP_AUTH_OAUTH" ? "Connect" : `Go on to ${app.title}`}
      valid={name !== "" && problem === undefined && isReady}
      busy={connect.isPending}
      error={connect.error}
      onSubmit={() => connect.begin({ name, fields: byKeys ? toSend(fields) : [], scopes, byKeys })}
    >
      <Button kind="plain" className="back" icon={<ArrowLeft size={15} aria-hidden />} onClick={onBack}>
        Another app
      </Button>
      <Field label="Name" error={problem} hint="Under which steps name it as an input.">
        {(control) => (
          <input
            {...control}
            className="input mono"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            spellCheck={false}
            autoFocus
            required
          />
        )}
      </Field>
      {byKeys && <AccountFields app={app} fields={fields} onChange={setFields} />}
      {!byKeys && app.clientSet !== true && <ClientMissing app={app} />}
      {!byKeys && app.clientSet === true && (
        <Field label="Scopes" hint="What it may do there; with spaces between them.">
          {(control) => (
            <input
              {...control}
              className="input mono"
              value={scopes}
              onChange={(event) => setScopes(event.target.value)}
            />
          )}
        </Field>
      )}
      {byKeys && (app.setupUrl ?? "") !== "" && <SetupLink app={app} />}
      {mayAsk && (app.fields ?? []).length > 0 && (
        <Button kind="plain" className="back" onClick={() => setByKeys(!byKeys)}>
          {byKeys ? `Ask ${app.title} instead (OAuth)` : "Use a token that I have instead"}
        </Button>
      )}
    </FormDialog>
  );
}

function SetupLink({ app }: { readonly app: App }) {
  return (
    <p>
      <a href={app.setupUrl} target="_blank" rel="noreferrer">
        Where {app.title} gives out keys <ExternalLink size={13} aria-hidden />
      </a>
    </p>
  );
}

function ClientMissing({ app }: { readonly app: App }) {
  return (
    <Note kind="warn">
      <p>
        {app.title} knows no client of this house yet. <Link to="/accounts/apps">Give it one</Link> first, once for all
        accounts of it.
      </p>
    </Note>
  );
}

interface AskingProps {
  readonly app: App;
  readonly name: string;
  readonly asked: Asked;
  readonly onClose: () => void;
}

function Asking({ app, name, asked, onClose }: AskingProps) {
  const client = useQueryClient();
  const done = useCallback(() => void client.invalidateQueries({ queryKey: accountsQuery.queryKey }), [client]);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={`Connect ${app.title}`}>
      <Authorizing name={name} asked={asked} before={undefined} onDone={done} />
      <footer>
        <Button onClick={onClose}>Close</Button>
      </footer>
    </Dialog>
  );
}

interface Typed {
  readonly name: string;
  readonly fields: readonly AccountField[];
  readonly scopes: string;
  readonly byKeys: boolean;
}

/** Creates the account and, where a person has to allow it, sends the window that was opened on to the provider. */
function useConnect(app: App, onClose: () => void) {
  const [asked, setAsked] = useState<Asked>();
  const save = useSave({
    save: async ({ typed, opened }: { readonly typed: Typed; readonly opened: Window | null }) => {
      const own = typed.scopes.split(/[\s,]+/).filter((scope) => scope !== "");
      const isDefault = own.join(" ") === (app.scopes ?? []).join(" ");
      const scopes = typed.byKeys || isDefault ? [] : own;
      const body = { name: `accounts/${typed.name}`, app: app.name, fields: typed.fields, scopes };
      try {
        const account = await call<Account>("POST", "accounts", { body });
        if (account.state !== "ACCOUNT_STATE_PENDING") return undefined;
        return await beginAuthorizing(typed.name, opened);
      } catch (thrown) {
        opened?.close();
        throw thrown;
      }
    },
    changes: [accountsQuery.queryKey],
    then: (person, { typed }) => {
      if (person !== undefined) return setAsked(person);
      toast(`${typed.name} is connected`);
      onClose();
    },
  });
  const begin = (typed: Typed): void => {
    const wantsWindow = !typed.byKeys && app.auth === "APP_AUTH_OAUTH";
    save.mutate({ typed, opened: wantsWindow ? openProviderWindow() : null });
  };
  return { begin, asked, isPending: save.isPending, error: save.error };
}

function freeName(app: App, taken: readonly Account[]): string {
  const base = app.name === ANY ? "" : idOf(app.name);
  return taken.some(({ name }) => idOf(name) === base) ? "" : base;
}

function nameProblem(name: string, taken: readonly Account[]): string | undefined {
  if (name === "") return undefined;
  if (!NAME.test(name)) return "Only letters, digits, dots, underscores and hyphens, at most 64.";
  return taken.some((account) => idOf(account.name) === name) ? "There is an account of this name." : undefined;
}
