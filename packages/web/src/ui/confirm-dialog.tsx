import { AlertDialog } from "radix-ui";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { ErrorNote } from "./note.tsx";
import { useOpener } from "./use-opener.ts";

export interface ConfirmDialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: string;
  readonly children: ReactNode;
  readonly confirm: string;
  /** What the button says that changes nothing. */
  readonly keep?: string;
  readonly onConfirm: () => void;
  readonly busy: boolean;
  readonly error: unknown;
  /** False while something is missing before it may be done. */
  readonly sure?: boolean;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ open, onOpenChange, ...question }: ConfirmDialogProps) {
  return (
    <AlertDialog.Root open={open} onOpenChange={onOpenChange}>
      <AlertDialog.Portal>{open && <Question {...question} />}</AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

type QuestionProps = Omit<ConfirmDialogProps, "open" | "onOpenChange">;

function Question({ title, children, confirm, keep = "Keep it", onConfirm, busy, error, sure = true }: QuestionProps) {
  const returnFocus = useOpener();
  return (
    <>
      <AlertDialog.Overlay className="overlay" />
      <AlertDialog.Content className="dialog" onCloseAutoFocus={returnFocus}>
        <AlertDialog.Title asChild>
          <h2>{title}</h2>
        </AlertDialog.Title>
        <AlertDialog.Description asChild>
          <div className="muted">{children}</div>
        </AlertDialog.Description>
        {error != null && <ErrorNote error={error} />}
        <footer>
          <AlertDialog.Cancel asChild>
            <Button>{keep}</Button>
          </AlertDialog.Cancel>
          <Button kind="danger" busy={busy} disabled={!sure} onClick={onConfirm}>
            {confirm}
          </Button>
        </footer>
      </AlertDialog.Content>
    </>
  );
}
