import { useQueryClient } from "@tanstack/react-query";
import { CloudOff } from "lucide-react";
import { useEffect } from "react";
import { call } from "../api/http.ts";
import { houseSilent } from "../api/connection.ts";
import { callerQuery } from "../api/queries.ts";
import { useSignal } from "../api/signal.ts";
import { toast } from "../ui/toast.tsx";

const ASK_EVERY_MS = 2_000;

/** Says that the house does not answer, as long as it does not, and reads everything anew once it does. */
export function ConnectionBanner() {
  const silent = useSignal(houseSilent);
  const client = useQueryClient();
  useEffect(() => {
    if (!silent) return;
    const ask = (): void => void call("GET", "caller").catch(() => undefined);
    const timer = setInterval(ask, ASK_EVERY_MS);
    addEventListener("online", ask);
    return () => {
      clearInterval(timer);
      removeEventListener("online", ask);
      if (houseSilent.get()) return;
      toast("The house answers again.");
      void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== callerQuery.queryKey[0] });
    };
  }, [silent, client]);
  return (
    <div role="status" className={silent ? "banner" : "visually-hidden"}>
      {silent && (
        <>
          <CloudOff size={16} aria-hidden />
          <span>
            The house does not answer. What you see may be old, and nothing is saved until it is back; this page keeps
            trying.
          </span>
        </>
      )}
    </div>
  );
}
