import { useState } from "react";
import { call, segment } from "../../api/http.ts";
import { accountsQuery, idOf } from "../../api/resources.ts";
import type { Account, App } from "../../api/generated/types.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { useSave } from "../../ui/use-save.ts";
import { AccountFields, areComplete, fieldsOf, freshField, toSend } from "./account-fields.tsx";

export interface FieldsDialogProps {
  readonly account: Account;
  readonly apps: readonly App[];
  readonly onClose: () => void;
}

/** Gives an account that was connected with fields other ones. */
export function FieldsDialog({ account, apps, onClose }: FieldsDialogProps) {
  const name = idOf(account.name);
  const app = apps.find((each) => each.name === account.app) ?? {};
  const [fields, setFields] = useState(() =>
    (app.fields?.length ?? 0) > 0 ? fieldsOf(app) : (account.fieldNames ?? []).map((each) => freshField(each)),
  );
  const save = useSave({
    save: () => call<Account>("PATCH", `accounts/${segment(name)}`, { body: { fields: toSend(fields) } }),
    changes: [accountsQuery.queryKey],
    done: () => `${name} has its new fields`,
    then: onClose,
  });
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Replace the fields of ${name}`}
      about="All of them: the old values are not shown. Steps that start from now on see the new ones."
      submit="Replace"
      valid={areComplete(app, fields)}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <AccountFields app={app} fields={fields} onChange={setFields} />
    </FormDialog>
  );
}
