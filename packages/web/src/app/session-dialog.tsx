import { useQuery, useQueryClient } from "@tanstack/react-query";
import { AlertDialog } from "radix-ui";
import { sessionOver } from "../api/connection.ts";
import { callerQuery } from "../api/queries.ts";
import { idOf } from "../api/resources.ts";
import { useSignal } from "../api/signal.ts";
import { SignInForm } from "../pages/sign-in/sign-in-form.tsx";
import { toast } from "../ui/toast.tsx";

/** Asks to sign in again when the session is over, in front of the page: what was typed there stays. */
export function SessionDialog() {
  const over = useSignal(sessionOver);
  const client = useQueryClient();
  const { data: caller } = useQuery(callerQuery);
  const user = idOf(caller?.user);
  const goOn = (): void => {
    sessionOver.set(false);
    toast("You are signed in again. What was not saved can be saved now.");
    void client.invalidateQueries();
  };
  return (
    <AlertDialog.Root open={over}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="overlay session-overlay" />
        <AlertDialog.Content
          className="dialog session-dialog"
          // It goes when somebody is signed in, not before: without a session there is nothing to do here.
          onEscapeKeyDown={(event) => event.preventDefault()}
        >
          <AlertDialog.Title asChild>
            <h2>Sign in again</h2>
          </AlertDialog.Title>
          <AlertDialog.Description className="muted">
            Your session is over. The page behind this is as you left it.
          </AlertDialog.Description>
          <SignInForm user={user} onSignedIn={goOn} />
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
