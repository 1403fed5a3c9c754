import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useRef } from "react";
import { Outlet } from "react-router";
import { isSignedOut } from "../api/http.ts";
import { callerQuery } from "../api/queries.ts";
import { useSignal } from "../api/signal.ts";
import { SignInPage } from "../pages/sign-in/sign-in-page.tsx";
import { ErrorNote } from "../ui/note.tsx";
import { Skeleton } from "../ui/skeleton.tsx";
import { Toaster } from "../ui/toast.tsx";
import { ConnectionBanner } from "./connection-banner.tsx";
import { SessionDialog } from "./session-dialog.tsx";
import { paletteOpen, useShortcuts } from "./shortcuts.ts";
import { ShortcutsDialog } from "./shortcuts-dialog.tsx";
import { Side } from "./side.tsx";
import { useCompact } from "./use-compact.ts";
import { useScroll } from "./use-scroll.ts";
import "./shell.css";

const Palette = lazy(async () => ({ default: (await import("./palette.tsx")).Palette }));

/** What stands around every page; a person who is not signed in sees the way in instead. */
export function Shell() {
  const caller = useQuery(callerQuery);
  if (caller.isPending) return <Skeleton rows={4} label="Loading" />;
  if (caller.data === undefined && isSignedOut(caller.error)) return <SignInPage />;
  if (caller.data === undefined) {
    return (
      <main className="alone">
        <ErrorNote error={caller.error} onRetry={() => void caller.refetch()} />
      </main>
    );
  }
  return <Frame />;
}

function Frame() {
  const content = useRef<HTMLElement>(null);
  const [compact, setCompact] = useCompact();
  const isPaletteOpen = useSignal(paletteOpen);
  useShortcuts();
  useScroll(content);
  return (
    <div className={compact ? "shell compact" : "shell"}>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <Side compact={compact} onCompact={setCompact} />
      <div className="content">
        <ConnectionBanner />
        <main ref={content} id="content" tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <ShortcutsDialog />
      <SessionDialog />
      {isPaletteOpen && (
        <Suspense>
          <Palette />
        </Suspense>
      )}
      <Toaster />
    </div>
  );
}
