import { useQuery } from "@tanstack/react-query";
import { FlaskConical, Pencil, Plus, RotateCw, Trash2, Workflow } from "lucide-react";
import { useState } from "react";
import { Page } from "../../app/page.tsx";
import { call, segment } from "../../api/http.ts";
import { accountsQuery, appsQuery, idOf } from "../../api/resources.ts";
import type { Account, App, TestAccountResponse } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ListCard } from "../../ui/list-card.tsx";
import { MenuItem, MenuSeparator } from "../../ui/menu.tsx";
import { RowMenu } from "../../ui/row-menu.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { TabLinks } from "../../ui/tabs.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";
import { useSave } from "../../ui/use-save.ts";
import { UsesDialog } from "../../ui/uses-dialog.tsx";
import { AccountStateBadge } from "./account-state.tsx";
import { AppMark } from "./app-mark.tsx";
import { ConnectDialog } from "./connect-dialog.tsx";
import { FieldsDialog } from "./fields-dialog.tsx";
import { ReconnectDialog } from "./reconnect-dialog.tsx";
import "./accounts.css";

/** The two pages of accounts. */
export const ACCOUNT_TABS = [
  ["/accounts", "Accounts"],
  ["/accounts/apps", "Apps"],
] as const;

type Open =
  | { readonly what: "connect" }
  | { readonly what: "fields" | "reconnect" | "delete" | "used"; readonly account: Account }
  | undefined;

/** Accounts at other services, for steps to use. */
export function AccountsPage() {
  const accounts = useQuery(accountsQuery);
  const apps = useQuery(appsQuery);
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      title="Accounts"
      actions={
        <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setOpen({ what: "connect" })}>
          Connect account
        </Button>
      }
    >
      <TabLinks label="Accounts and apps" links={ACCOUNT_TABS} />
      <ListCard query={accounts} loading="Loading the accounts" empty={<NoAccounts />}>
        {(all) => <AccountTable accounts={all} apps={apps.data ?? []} onOpen={setOpen} />}
      </ListCard>
      {open?.what === "connect" && <ConnectDialog taken={accounts.data ?? []} onClose={close} />}
      {open?.what === "fields" && <FieldsDialog account={open.account} apps={apps.data ?? []} onClose={close} />}
      {open?.what === "reconnect" && <ReconnectDialog account={open.account} onClose={close} />}
      {open?.what === "used" && (
        <UsesDialog
          target={open.account.name ?? ""}
          title={`Where ${idOf(open.account.name)} is used`}
          onClose={close}
        />
      )}
      {open?.what === "delete" && <DeleteAccount name={idOf(open.account.name)} onClose={close} />}
    </Page>
  );
}

function NoAccounts() {
  return (
    <EmptyState title="No account yet" command="npx millrace account add openai main < key.txt">
      Connect one once, then name it as the input of a step: its keys and tokens are at hand there, refreshed by
      themselves and masked in logs.
    </EmptyState>
  );
}

interface AccountTableProps {
  readonly accounts: readonly Account[];
  readonly apps: readonly App[];
  readonly onOpen: (open: Open) => void;
}

function AccountTable({ accounts, apps, onOpen }: AccountTableProps) {
  return (
    <table className="table accounts">
      <TableHead columns={["Account", "App", "State", "Token ends", "Renewed"]} actions />
      <tbody>
        {accounts.map((account) => (
          <AccountRow
            key={account.name}
            account={account}
            app={apps.find(({ name }) => name === account.app)}
            onOpen={onOpen}
          />
        ))}
      </tbody>
    </table>
  );
}

interface AccountRowProps {
  readonly account: Account;
  readonly app: App | undefined;
  readonly onOpen: (open: Open) => void;
}

function AccountRow({ account, app, onOpen }: AccountRowProps) {
  const title = app?.title ?? idOf(account.app);
  return (
    <tr>
      <td className="account-name">
        <span className="strong truncate" title={idOf(account.name)}>
          {idOf(account.name)}
        </span>
        <span className="faint truncate">{(account.fieldNames ?? []).join(", ")}</span>
      </td>
      <td>
        <span className="app-line">
          <AppMark title={title} /> <span className="truncate">{title}</span>
        </span>
      </td>
      <td>
        <AccountStateBadge account={account} />
        {(account.problem ?? "") !== "" && <p className="problem">{account.problem}</p>}
      </td>
      <td className="muted">
        {account.expireTime === undefined ? <span className="faint">never</span> : <Ago time={account.expireTime} />}
      </td>
      <td className="muted">
        <Ago time={account.updateTime} />
      </td>
      <td className="row-menu">
        <AccountMenu account={account} onOpen={onOpen} />
      </td>
    </tr>
  );
}

function AccountMenu({ account, onOpen }: { readonly account: Account; readonly onOpen: (open: Open) => void }) {
  const name = idOf(account.name);
  const test = useTest(name);
  return (
    <span className="account-actions">
      {account.oauth === true && account.state !== "ACCOUNT_STATE_CONNECTED" ? (
        <Button
          icon={<RotateCw size={15} aria-hidden />}
          aria-label={`Authorize ${name}`}
          onClick={() => onOpen({ what: "reconnect", account })}
        >
          Authorize
        </Button>
      ) : (
        <Button
          kind="plain"
          busy={test.isPending}
          icon={<FlaskConical size={15} aria-hidden />}
          aria-label={`Test ${name}`}
          onClick={() => test.mutate()}
        >
          Test
        </Button>
      )}
      <RowMenu label={`Actions for ${name}`}>
        {account.oauth === true ? (
          <MenuItem icon={<RotateCw size={15} aria-hidden />} onSelect={() => onOpen({ what: "reconnect", account })}>
            Authorize anew
          </MenuItem>
        ) : (
          <MenuItem icon={<Pencil size={15} aria-hidden />} onSelect={() => onOpen({ what: "fields", account })}>
            Replace its fields
          </MenuItem>
        )}
        <MenuItem icon={<Workflow size={15} aria-hidden />} onSelect={() => onOpen({ what: "used", account })}>
          Where it is used
        </MenuItem>
        <MenuSeparator />
        <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={() => onOpen({ what: "delete", account })}>
          Delete
        </MenuItem>
      </RowMenu>
    </span>
  );
}

/** Tries an account, and tells what came of it. */
function useTest(name: string) {
  return useSave({
    save: async () => {
      try {
        return await call<TestAccountResponse>("POST", `accounts/${segment(name)}:test`, { body: {} });
      } catch (thrown) {
        toast(`${name} was not tested: ${(thrown as Error).message}`, "bad");
        throw thrown;
      }
    },
    changes: [accountsQuery.queryKey],
    always: ({ ok, message = "" }) =>
      toast(
        ok === true ? `${name} works. ${message}` : `${name} does not work: ${message}`,
        ok === true ? "good" : "bad",
      ),
  });
}

function DeleteAccount({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  return (
    <DeleteDialog
      path={`accounts/${segment(name)}`}
      title={`Delete ${name}?`}
      done={`${name} is deleted`}
      changes={[accountsQuery.queryKey]}
      onClose={onClose}
    >
      Steps that have it as an input fail from now on. The provider is not told: withdraw the key or the grant there,
      too.
    </DeleteDialog>
  );
}
