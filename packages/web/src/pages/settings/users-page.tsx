import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Page } from "../../app/page.tsx";
import { call, segment } from "../../api/http.ts";
import { callerQuery } from "../../api/queries.ts";
import { idOf, usersQuery } from "../../api/resources.ts";
import type { User } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { ListCard } from "../../ui/list-card.tsx";
import { MenuItem } from "../../ui/menu.tsx";
import { RowMenu } from "../../ui/row-menu.tsx";
import { PasswordField } from "../../ui/password-field.tsx";
import { Switch } from "../../ui/switch.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago } from "../../ui/time.tsx";
import { useSave } from "../../ui/use-save.ts";
import { SettingsTabs } from "./settings-tabs.tsx";
import { PASSWORD_MIN } from "./you-page.tsx";
import "./settings.css";

type Open = { readonly what: "add" } | { readonly what: "reset" | "delete"; readonly user: string } | undefined;

/** The people who may sign in. */
export function UsersPage() {
  const users = useQuery(usersQuery);
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      title="Settings"
      actions={
        <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setOpen({ what: "add" })}>
          Add user
        </Button>
      }
    >
      <SettingsTabs />
      <ListCard query={users} loading="Loading the users" empty={null}>
        {(all) => <UserTable users={all} onOpen={setOpen} />}
      </ListCard>
      {open?.what === "add" && <AddUser onClose={close} />}
      {open?.what === "reset" && <ResetPassword user={open.user} onClose={close} />}
      {open?.what === "delete" && (
        <DeleteDialog
          path={`users/${segment(open.user)}`}
          title={`Delete ${open.user}?`}
          done={`${open.user} is deleted`}
          changes={[usersQuery.queryKey]}
          onClose={close}
        >
          The sessions of this user end at once. What the user has made stays.
        </DeleteDialog>
      )}
    </Page>
  );
}

function UserTable({ users, onOpen }: { readonly users: readonly User[]; readonly onOpen: (open: Open) => void }) {
  const { data: caller } = useQuery(callerQuery);
  return (
    <table className="table">
      <TableHead columns={["Name", "Role", "Signed in", "Added"]} actions />
      <tbody>
        {users.map(({ name, administrator, signInTime, createTime }) => {
          const user = idOf(name);
          return (
            <tr key={name}>
              <td>
                <span className="strong">{user}</span> {caller?.user === name && <span className="badge">you</span>}
              </td>
              <td className="muted">{administrator === true ? "administrator" : "member"}</td>
              <td className="muted">
                <Ago time={signInTime} />
              </td>
              <td className="muted">
                <Ago time={createTime} />
              </td>
              <td className="row-menu">
                <UserMenu user={user} onOpen={onOpen} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const NAME = /^[a-z0-9._@-]{1,64}$/;

function AddUser({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [administrator, setAdministrator] = useState(false);
  const save = useSave({
    save: () => call<User>("POST", "users", { body: { name: `users/${name}`, password, administrator } }),
    changes: [usersQuery.queryKey],
    done: () => `${name} may sign in`,
    then: onClose,
  });
  const wrong = name !== "" && !NAME.test(name);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Add user"
      submit="Add"
      valid={name !== "" && !wrong && password.length >= PASSWORD_MIN}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <Field
        label="Name"
        hint="Lower-case letters, digits and . _ - @; an address of mail is one."
        error={wrong ? "Only lower-case letters, digits and . _ - @, at most 64." : undefined}
      >
        {(control) => (
          <input
            {...control}
            className="input"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            autoFocus
            required
          />
        )}
      </Field>
      <NewPassword value={password} onChange={setPassword} />
      <Switch
        label="Administrator"
        hint="May add and delete users and API keys."
        checked={administrator}
        onChange={setAdministrator}
      />
    </FormDialog>
  );
}

function NewPassword({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) {
  const isShort = value !== "" && value.length < PASSWORD_MIN;
  return (
    <PasswordField
      label="Password"
      autoComplete="new-password"
      hint={`At least ${PASSWORD_MIN} characters. Tell it to the person, who can change it after signing in.`}
      error={isShort ? `${PASSWORD_MIN - value.length} more to go.` : undefined}
      value={value}
      onChange={onChange}
    />
  );
}

function ResetPassword({ user, onClose }: { readonly user: string; readonly onClose: () => void }) {
  const [password, setPassword] = useState("");
  const save = useSave({
    save: () => call<User>("POST", `users/${segment(user)}:resetPassword`, { body: { password } }),
    changes: [usersQuery.queryKey],
    done: () => `${user} has another password`,
    then: onClose,
  });
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Another password for ${user}`}
      about="The sessions of this user end at once."
      submit="Save"
      valid={password.length >= PASSWORD_MIN}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <NewPassword value={password} onChange={setPassword} />
    </FormDialog>
  );
}

function UserMenu({ user, onOpen }: { readonly user: string; readonly onOpen: (open: Open) => void }) {
  return (
    <RowMenu label={`Actions for ${user}`}>
      <MenuItem icon={<KeyRound size={15} aria-hidden />} onSelect={() => onOpen({ what: "reset", user })}>
        Give another password
      </MenuItem>
      <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={() => onOpen({ what: "delete", user })}>
        Delete
      </MenuItem>
    </RowMenu>
  );
}
