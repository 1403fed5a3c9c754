import { CircleAlert, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "../api/http.ts";
import { Button } from "./button.tsx";

/** Something that people should know. */
export function Note({ kind, children }: { readonly kind: "bad" | "warn"; readonly children: ReactNode }) {
  const Icon = kind === "bad" ? CircleAlert : TriangleAlert;
  return (
    <div className={`note ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      <Icon size={16} aria-hidden />
      <div>{children}</div>
    </div>
  );
}

/** What went wrong, and what can be done about it. */
export function ErrorNote({
  error,
  onRetry,
}: {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
}) {
  const message = error instanceof Error ? error.message : String(error);
  const reason = error instanceof ApiError ? error.reason : "";
  return (
    <Note kind="bad">
      <p>{message}</p>
      {reason !== "" && <p className="mono">{reason}</p>}
      {onRetry !== undefined && (
        <p>
          <Button onClick={onRetry}>Try again</Button>
        </p>
      )}
    </Note>
  );
}
