import { CircleAlert, CircleCheck, X } from "lucide-react";
import { createSignal, useSignal } from "../api/signal.ts";
import { IconButton } from "./button.tsx";
import "./toast.css";

interface Toast {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
}

const SHOWN_MS = { good: 4_000, bad: 10_000 } as const;
/** More at a time nobody reads. */
const MOST = 4;

const toasts = createSignal<readonly Toast[]>([]);
let lastId = 0;

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((each) => each.id !== id));
}

/** Tells for a moment of something that has happened; also to those who hear the page. */
export function toast(text: string, kind: Toast["kind"] = "good"): void {
  lastId += 1;
  const id = lastId;
  toasts.set([...toasts.get().slice(1 - MOST), { id, kind, text }]);
  setTimeout(() => dismiss(id), SHOWN_MS[kind]);
}

/** Where toasts appear; stands once in the app. */
export function Toaster() {
  const shown = useSignal(toasts);
  return (
    <div className="toaster" role="region" aria-label="Notices" aria-live="polite">
      {shown.map(({ id, kind, text }) => (
        <div key={id} className={`toast ${kind}`}>
          {kind === "good" ? <CircleCheck size={16} aria-hidden /> : <CircleAlert size={16} aria-hidden />}
          <span>{text}</span>
          <IconButton kind="plain" label="Dismiss" icon={<X size={14} aria-hidden />} onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
