import { useQuery } from "@tanstack/react-query";
import { CircleCheck, ExternalLink, LoaderCircle } from "lucide-react";
import { useEffect, useState } from "react";
import { call, segment } from "../../api/http.ts";
import type { Account, AuthorizeAccountResponse } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { useSave } from "../../ui/use-save.ts";

const ASK_EVERY_MS = 1_000;
const WINDOW = "popup,width=560,height=720";

/** A person who is asked to allow an account at its provider. */
export interface Asked {
  /** Where: a page of the house that leads on to the provider's. It works once. */
  readonly url: string;
  /** The window with it; null when the browser has opened none. */
  readonly opened: Window | null;
}

/** Opens the window while the click still counts: browsers block one that comes later. */
export function openProviderWindow(): Window | null {
  const opened = window.open("", "_blank", WINDOW);
  // The provider's pages get no hold of this one.
  if (opened !== null) opened.opener = null;
  return opened;
}

/** Sends a window on to where the account is allowed. */
export async function beginAuthorizing(name: string, opened: Window | null): Promise<Asked> {
  try {
    const path = `accounts/${segment(name)}:authorize`;
    const { url = "" } = await call<AuthorizeAccountResponse>("POST", path, { body: {} });
    if (opened !== null) opened.location.href = url;
    return { url, opened };
  } catch (thrown) {
    opened?.close();
    throw thrown;
  }
}

export interface AuthorizingProps {
  readonly name: string;
  readonly asked: Asked;
  /** The account as it was before, if there was one: what is newer is the outcome. */
  readonly before: Account | undefined;
  readonly onDone: () => void;
}

/** Waits until a person has allowed the account in the other window, and tells how that went. */
export function Authorizing({ name, asked, before, onDone }: AuthorizingProps) {
  const [now, setNow] = useState(asked);
  const [old, setOld] = useState(() => lastingProblem(before));
  const [isDone, setDone] = useState(false);
  const account = useQuery({
    queryKey: ["account", name, "authorizing"],
    queryFn: () => call<Account>("GET", `accounts/${segment(name)}`),
    refetchInterval: isDone ? false : ASK_EVERY_MS,
    // The other window is in front meanwhile.
    refetchIntervalInBackground: true,
    gcTime: 0,
  });
  const again = useSave({
    save: (opened: Window | null) => beginAuthorizing(name, opened),
    changes: [["account", name, "authorizing"]],
    then: (next) => {
      setNow(next);
      setOld(lastingProblem(account.data));
    },
  });
  const { state, updateTime, problem = "" } = account.data ?? {};
  const connected = state === "ACCOUNT_STATE_CONNECTED" && updateTime !== before?.updateTime;
  useEffect(() => {
    if (!connected || isDone) return;
    setDone(true);
    onDone();
  }, [connected, isDone, onDone]);
  if (isDone) {
    return (
      <p className="authorizing good" role="status">
        <CircleCheck size={18} aria-hidden /> {name} is connected.
      </p>
    );
  }
  return (
    <div className="authorizing-box">
      <Standing asked={now} problem={problem === old ? "" : problem} />
      {account.isError && <ErrorNote error={account.error} />}
      {again.isError && <ErrorNote error={again.error} />}
      {now.opened === null && (
        <a className="button primary" href={now.url} target="_blank" rel="noopener noreferrer">
          <ExternalLink size={15} aria-hidden /> Open the page
        </a>
      )}
      <Button
        kind={now.opened === null ? "plain" : undefined}
        busy={again.isPending}
        icon={<ExternalLink size={15} aria-hidden />}
        onClick={() => again.mutate(openProviderWindow())}
      >
        Begin again in a new window
      </Button>
    </div>
  );
}

/** What the house goes on to say of an account when it is authorized anew: other problems it forgets then. */
function lastingProblem({ state, problem = "" }: Account = {}): string {
  return state === "ACCOUNT_STATE_DEAD" ? problem : "";
}

/** How far the person is, as far as this window can know. */
function Standing({ asked: { opened }, problem }: { readonly asked: Asked; readonly problem: string }) {
  const isGone = useGone(opened);
  if (problem !== "") return <Note kind="bad">It is not connected: {problem}.</Note>;
  if (opened === null) {
    return <Note kind="warn">Your browser has opened no window. Open the provider’s page yourself:</Note>;
  }
  if (isGone) {
    return <Note kind="warn">The other window is closed. If you have not allowed it there yet, begin again.</Note>;
  }
  return (
    <p className="authorizing" role="status">
      <LoaderCircle size={18} className="spin" aria-hidden /> Waiting until you have allowed it in the other window…
    </p>
  );
}

/** True once a window is closed: it tells nobody. */
function useGone(opened: Window | null): boolean {
  const [gone, setGone] = useState<Window>();
  useEffect(() => {
    if (opened === null) return;
    const timer = setInterval(() => opened.closed && setGone(opened), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [opened]);
  return opened !== null && gone === opened;
}
