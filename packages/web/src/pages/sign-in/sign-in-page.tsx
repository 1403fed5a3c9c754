import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { call } from "../../api/http.ts";
import { callerQuery } from "../../api/queries.ts";
import type { SignInResponse } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import "./sign-in-page.css";

/** With a name and a password, or with an API key. */
export function SignInPage() {
  const [withKey, setWithKey] = useState(false);
  const client = useQueryClient();
  const signIn = useMutation({
    mutationFn: (body: Record<string, string>) => call<SignInResponse>("POST", "sessions:signIn", { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: callerQuery.queryKey }),
  });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    signIn.mutate(Object.fromEntries([...fields].map(([name, value]) => [name, String(value)])));
  };
  return (
    <main className="sign-in">
      <form onSubmit={submit} className="card">
        <img src="/mark.svg" alt="" width={40} height={40} />
        <h1>Sign in to Millrace</h1>
        {withKey ? <KeyField /> : <UserFields />}
        {signIn.isError && <ErrorNote error={signIn.error} />}
        <Button type="submit" kind="primary" busy={signIn.isPending}>
          Sign in
        </Button>
        <Button
          kind="plain"
          onClick={() => {
            signIn.reset();
            setWithKey(!withKey);
          }}
        >
          {withKey ? "Use a name and a password" : "Use an API key"}
        </Button>
        <p className="faint">
          A new house has the user <code>admin</code>; its password was printed at the first start and lies in the file{" "}
          <code>admin-password</code> of the data folder.
        </p>
      </form>
    </main>
  );
}

function UserFields() {
  return (
    <>
      <div className="field">
        <label htmlFor="user">Name</label>
        <input
          id="user"
          name="user"
          className="input"
          autoComplete="username"
          required
          autoFocus
          defaultValue="admin"
        />
      </div>
      <div className="field">
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          className="input"
          autoComplete="current-password"
          required
        />
      </div>
    </>
  );
}

function KeyField() {
  return (
    <div className="field">
      <label htmlFor="apiKey">API key</label>
      <input id="apiKey" name="apiKey" type="password" className="input" autoComplete="off" required autoFocus />
      <span className="hint">The one that programs use; it stays in this session only.</span>
    </div>
  );
}
