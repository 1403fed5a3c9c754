import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { sessionOver } from "../../api/connection.ts";
import { callerQuery } from "../../api/queries.ts";
import { SignInForm } from "./sign-in-form.tsx";
import "./sign-in-page.css";

/** The way in. */
export function SignInPage() {
  const client = useQueryClient();
  useEffect(() => {
    document.title = "Sign in · Millrace";
  }, []);
  const enter = (): void => {
    sessionOver.set(false);
    void client.invalidateQueries({ queryKey: callerQuery.queryKey });
  };
  return (
    <main className="sign-in">
      <div className="card">
        <img src="/mark.svg" alt="" width={40} height={40} />
        <h1>Sign in to Millrace</h1>
        <SignInForm user="admin" onSignedIn={enter} />
        <p className="faint">
          A new house has the user <code>admin</code>; its password was printed at the first start and lies in the file{" "}
          <code>admin-password</code> of the data folder.
        </p>
      </div>
    </main>
  );
}
