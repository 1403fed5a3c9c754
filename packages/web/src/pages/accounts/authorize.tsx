import { useQuery } from "@tanstack/react-query";
import { CircleCheck, ExternalLink, LoaderCircle } from "lucide-react";
import { useEffect, useState } from "react";
import { call, segment } from "../../api/http.ts";
import type { Account, AuthorizeAccountResponse } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";

const ASK_EVERY_MS = 1_000;
const WINDOW = "popup,width=560,height=720";

/** Opens the window while the click still counts: browsers block one that comes later. */
export function openProviderWindow(): Window | null {
  const opened = window.open("", "_blank", WINDOW);
  // The provider's pages get no hold of this one.
  if (opened !== null) opened.opener = null;
  return opened;
}

/** Sends a window on to where the account is allowed; returns the address for the case that there is no window. */
export async function beginAuthorizing(name: string, opened: Window | null): Promise<string> {
  try {
    const { url = "" } = await call<AuthorizeAccountResponse>("POST", `accounts/${segment(name)}:authorize`, {
      body: {},
    });
    if (opened !== null) opened.location.href = url;
    return url;
  } catch (thrown) {
    opened?.close();
    throw thrown;
  }
}

export interface AuthorizingProps {
  readonly name: string;
  /** Where the provider is asked; for those whose browser has opened no window. */
  readonly url: string;
  /** When the account was renewed last before this; what is newer is the outcome. */
  readonly before: string | undefined;
  readonly onDone: () => void;
}

/** Waits until a person has allowed the account in the other window, and tells how that went. */
export function Authorizing({ name, url, before, onDone }: AuthorizingProps) {
  const [isDone, setDone] = useState(false);
  const account = useQuery({
    queryKey: ["account", name, "authorizing"],
    queryFn: () => call<Account>("GET", `accounts/${segment(name)}`),
    refetchInterval: isDone ? false : ASK_EVERY_MS,
    // The other window is in front meanwhile.
    refetchIntervalInBackground: true,
    gcTime: 0,
  });
  const { state, updateTime, problem = "" } = account.data ?? {};
  const connected = state === "ACCOUNT_STATE_CONNECTED" && updateTime !== before;
  useEffect(() => {
    if (!connected || isDone) return;
    setDone(true);
    onDone();
  }, [connected, isDone, onDone]);
  if (account.isError) return <ErrorNote error={account.error} onRetry={() => void account.refetch()} />;
  if (isDone) {
    return (
      <p className="authorizing good" role="status">
        <CircleCheck size={18} aria-hidden /> {name} is connected.
      </p>
    );
  }
  return (
    <div className="authorizing-box">
      <p className="authorizing" role="status">
        <LoaderCircle size={18} className="spin" aria-hidden /> Waiting until you have allowed it in the other window…
      </p>
      {problem !== "" && <Note kind="warn">{problem}</Note>}
      <Button
        icon={<ExternalLink size={15} aria-hidden />}
        onClick={() => window.open(url, "_blank", `${WINDOW},noopener`)}
      >
        Open the window again
      </Button>
    </div>
  );
}
