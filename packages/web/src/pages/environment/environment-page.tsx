import { useQuery } from "@tanstack/react-query";
import { ClipboardPaste, Lock, Pencil, Plus, Trash2, Workflow } from "lucide-react";
import { useState } from "react";
import { Page } from "../../app/page.tsx";
import { segment } from "../../api/http.ts";
import { idOf, variablesQuery } from "../../api/resources.ts";
import type { Variable } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ListCard } from "../../ui/list-card.tsx";
import { MenuItem } from "../../ui/menu.tsx";
import { RowMenu } from "../../ui/row-menu.tsx";
import { SearchField } from "../../ui/search-field.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago } from "../../ui/time.tsx";
import { UsesDialog } from "../../ui/uses-dialog.tsx";
import { PasteDialog } from "./paste-dialog.tsx";
import { VariableDialog } from "./variable-dialog.tsx";
import "./environment-page.css";

type Open =
  | { readonly what: "add" | "paste" }
  | { readonly what: "change" | "delete" | "uses"; readonly variable: Variable }
  | undefined;

/** The environment variables that every step sees. */
export function EnvironmentPage() {
  const variables = useQuery(variablesQuery);
  const [open, setOpen] = useState<Open>();
  const close = (): void => setOpen(undefined);
  const names = new Set((variables.data ?? []).map(({ name }) => idOf(name)));
  return (
    <Page
      title="Environment"
      actions={
        <>
          <Button icon={<ClipboardPaste size={15} aria-hidden />} onClick={() => setOpen({ what: "paste" })}>
            Paste .env
          </Button>
          <Button kind="primary" icon={<Plus size={15} aria-hidden />} onClick={() => setOpen({ what: "add" })}>
            Add variable
          </Button>
        </>
      }
    >
      <p className="lead">
        Every step finds these in <code>os.environ</code>. A change counts for runs that start after it.
      </p>
      <ListCard query={variables} loading="Loading the variables" empty={<NoVariables />}>
        {(all) => <VariableList variables={all} onOpen={setOpen} />}
      </ListCard>
      {open?.what === "add" && <VariableDialog taken={names} onClose={close} />}
      {open?.what === "change" && <VariableDialog variable={open.variable} taken={names} onClose={close} />}
      {open?.what === "paste" && <PasteDialog taken={names} onClose={close} />}
      {open?.what === "uses" && (
        <UsesDialog
          target={open.variable.name ?? ""}
          title={`Where ${idOf(open.variable.name)} is used`}
          onClose={close}
        />
      )}
      {open?.what === "delete" && <DeleteVariable name={idOf(open.variable.name)} onClose={close} />}
    </Page>
  );
}

function NoVariables() {
  return (
    <EmptyState title="No variables yet" command="npx millrace env set API_TOKEN < token.txt">
      Keep settings and keys here instead of in code. Secret values are masked in logs and never shown again.
    </EmptyState>
  );
}

interface VariableListProps {
  readonly variables: readonly Variable[];
  readonly onOpen: (open: Open) => void;
}

function VariableList({ variables, onOpen }: VariableListProps) {
  const [text, setText] = useState("");
  const shown = variables.filter(({ name }) => idOf(name).toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <>
      <div className="list-bar">
        <SearchField label={`Search ${variables.length} variables`} value={text} onChange={setText} />
      </div>
      {shown.length === 0 ? (
        <p className="no-match muted">No variable has “{text}” in its name.</p>
      ) : (
        <table className="table variables">
          <TableHead columns={["Name", "Value", "Changed"]} actions />
          <tbody>
            {shown.map((variable) => (
              <VariableRow key={variable.name} variable={variable} onOpen={onOpen} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function VariableRow({ variable, onOpen }: { readonly variable: Variable; readonly onOpen: (open: Open) => void }) {
  const { value = "", secret = false, updateTime } = variable;
  const name = idOf(variable.name);
  return (
    <tr>
      <td className="mono strong">
        <span className="truncate" title={name}>
          {name}
        </span>
      </td>
      <td>
        {secret ? (
          <span className="secret faint">
            <Lock size={13} aria-hidden /> secret
          </span>
        ) : (
          <span className="copy-line">
            <code className="truncate" title={value}>
              {value === "" ? <span className="faint">empty</span> : value}
            </code>
            {value !== "" && <CopyButton text={value} label={`Copy the value of ${name}`} />}
          </span>
        )}
      </td>
      <td className="muted">
        <Ago time={updateTime} />
      </td>
      <td className="row-menu">
        <VariableMenu variable={variable} onOpen={onOpen} />
      </td>
    </tr>
  );
}

function DeleteVariable({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  return (
    <DeleteDialog
      path={`variables/${segment(name)}`}
      title={`Delete ${name}?`}
      done={`${name} is deleted`}
      changes={[variablesQuery.queryKey]}
      onClose={onClose}
    >
      Steps of runs that start from now on do not find it: <code>os.environ[{JSON.stringify(name)}]</code> raises{" "}
      <code>KeyError</code>.
    </DeleteDialog>
  );
}

function VariableMenu({ variable, onOpen }: { readonly variable: Variable; readonly onOpen: (open: Open) => void }) {
  return (
    <RowMenu label={`Actions for ${idOf(variable.name)}`}>
      <MenuItem icon={<Pencil size={15} aria-hidden />} onSelect={() => onOpen({ what: "change", variable })}>
        {variable.secret === true ? "Replace value" : "Change"}
      </MenuItem>
      <MenuItem icon={<Workflow size={15} aria-hidden />} onSelect={() => onOpen({ what: "uses", variable })}>
        Where it is used
      </MenuItem>
      <MenuItem danger icon={<Trash2 size={15} aria-hidden />} onSelect={() => onOpen({ what: "delete", variable })}>
        Delete
      </MenuItem>
    </RowMenu>
  );
}
