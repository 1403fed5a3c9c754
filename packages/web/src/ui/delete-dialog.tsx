import type { QueryKey } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { call } from "../api/http.ts";
import { ConfirmDialog } from "./confirm-dialog.tsx";
import { Field } from "./field.tsx";
import { useSave } from "./use-save.ts";

export interface DeleteDialogProps {
  /** The resource's path below the API. */
  readonly path: string;
  readonly title: string;
  /** What the button says. */
  readonly confirm?: string;
  readonly done: string;
  readonly changes: readonly QueryKey[];
  /** What has to be typed before; for what many have worked on. */
  readonly typed?: string;
  readonly onClose: () => void;
  readonly onDone?: () => void;
  /** What that means, and what it does not. */
  readonly children: ReactNode;
}

/** Asks, then deletes something at the house. */
export function DeleteDialog({ path, title, confirm = "Delete", done, changes, ...rest }: DeleteDialogProps) {
  const { typed, onClose, onDone, children } = rest;
  const [text, setText] = useState("");
  const remove = useSave({
    save: () => call("DELETE", path),
    changes,
    done: () => done,
    then: () => {
      onClose();
      onDone?.();
    },
  });
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={title}
      confirm={confirm}
      onConfirm={() => remove.mutate()}
      busy={remove.isPending}
      error={remove.error}
      sure={typed === undefined || text === typed}
    >
      {children}
      {typed !== undefined && (
        <Field
          label={
            <>
              Type <code>{typed}</code> to go on
            </>
          }
        >
          {(control) => (
            <input
              {...control}
              className="input mono"
              value={text}
              onChange={(event) => setText(event.target.value)}
              autoComplete="off"
              spellCheck={false}
            />
          )}
        </Field>
      )}
    </ConfirmDialog>
  );
}
