import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { FormEvent, ReactNode } from "react";
import { Button, IconButton } from "./button.tsx";
import { ErrorNote } from "./note.tsx";
import { useOpener } from "./use-opener.ts";
import "./dialog.css";

export interface DialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: string;
  /** One sentence below the title. */
  readonly about?: ReactNode;
  readonly size?: "small" | "large" | "sheet";
  readonly children: ReactNode;
}

/** A window in front of the page: Escape and its cross close it; a click beside it does not, since that would lose what was typed. */
export function Dialog({ open, onOpenChange, ...front }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>{open && <Front {...front} />}</Radix.Portal>
    </Radix.Root>
  );
}

function Front({ title, about, size = "small", children }: Omit<DialogProps, "open" | "onOpenChange">) {
  const returnFocus = useOpener();
  return (
    <>
      <Radix.Overlay className="overlay" />
      <Radix.Content
        className={`dialog ${size}`}
        onInteractOutside={(event) => event.preventDefault()}
        onCloseAutoFocus={returnFocus}
        {...(about === undefined ? { "aria-describedby": undefined } : {})}
      >
        <header className="dialog-head">
          <Radix.Title asChild>
            <h2>{title}</h2>
          </Radix.Title>
          <Radix.Close asChild>
            <IconButton kind="plain" label="Close" icon={<X size={16} aria-hidden />} />
          </Radix.Close>
        </header>
        {about !== undefined && (
          <Radix.Description asChild>
            <div className="muted">{about}</div>
          </Radix.Description>
        )}
        {children}
      </Radix.Content>
    </>
  );
}

export interface FormDialogProps extends DialogProps {
  /** What the button says that sends the form. */
  readonly submit: string;
  readonly onSubmit: (fields: FormData) => void;
  readonly busy: boolean;
  readonly error: unknown;
  /** False while what was typed cannot be sent. */
  readonly valid?: boolean;
}

/** A dialog that is a form: Enter sends it, and what the house objects to is shown within it. */
export function FormDialog({ submit, onSubmit, busy, error, valid = true, children, ...dialog }: FormDialogProps) {
  const send = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    // A form within a dialog within a page is one form: React hands its events up the tree of components.
    event.stopPropagation();
    if (valid && !busy) onSubmit(new FormData(event.currentTarget));
  };
  return (
    <Dialog {...dialog}>
      <form className="dialog-form" onSubmit={send}>
        {children}
        {error != null && <ErrorNote error={error} />}
        <footer>
          <Button onClick={() => dialog.onOpenChange(false)}>Cancel</Button>
          <Button type="submit" kind="primary" busy={busy} disabled={!valid}>
            {submit}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
