import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { ApiError, call } from "../../api/http.ts";
import type { SignInResponse } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/field.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { PasswordField } from "../../ui/password-field.tsx";
import { useNow } from "../../ui/time.tsx";
import "./sign-in-form.css";

export interface SignInFormProps {
  /** Whose name stands in the field at first; empty when that is not known. */
  readonly user: string;
  readonly onSignedIn: () => void;
}

/** Signs in with a name and a password, or with an API key. */
export function SignInForm({ user, onSignedIn }: SignInFormProps) {
  const [withKey, setWithKey] = useState(false);
  const [name, setName] = useState(user);
  const [secret, setSecret] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const [retryAt, setRetryAt] = useState(0);
  const waitS = Math.max(0, Math.ceil((retryAt - useNow()) / 1000));
  const signIn = useMutation({
    mutationFn: () => {
      const body = withKey ? { apiKey: secret.trim() } : { user: name.trim(), password: secret };
      return call<SignInResponse>("POST", "sessions:signIn", { body });
    },
    onSuccess: onSignedIn,
    onError: (error) => {
      if (error instanceof ApiError && error.status === 429) setRetryAt(Date.now() + 1000 * (error.retryAfterS ?? 10));
      // Whoever mistyped wants to type again.
      form.current?.querySelector<HTMLInputElement>("input[type=password]")?.select();
    },
  });
  useFirstField(form, withKey);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    if (!signIn.isPending && waitS === 0) signIn.mutate();
  };
  return (
    <form ref={form} onSubmit={submit} className="sign-in-form">
      {!withKey && <NameField value={name} onChange={setName} />}
      <PasswordField
        key={String(withKey)}
        label={withKey ? "API key" : "Password"}
        autoComplete={withKey ? "off" : "current-password"}
        value={secret}
        onChange={setSecret}
        mono={withKey}
        {...(withKey
          ? { hint: "The one that programs use. This browser gets a session and does not keep the key." }
          : {})}
      />
      <Refusal error={signIn.error} waitS={waitS} />
      <Button type="submit" kind="primary" busy={signIn.isPending} disabled={waitS > 0}>
        {waitS > 0 ? `Try again in ${waitS} s` : "Sign in"}
      </Button>
      <Button
        kind="plain"
        onClick={() => {
          signIn.reset();
          setSecret("");
          setWithKey(!withKey);
        }}
      >
        {withKey ? "Use a name and a password" : "Use an API key"}
      </Button>
    </form>
  );
}

/** The first field that is empty has the focus, also after the way to sign in was changed. */
function useFirstField(form: React.RefObject<HTMLFormElement | null>, withKey: boolean): void {
  useEffect(() => {
    const inputs = [...(form.current?.querySelectorAll("input") ?? [])];
    (inputs.find(({ value }) => value === "") ?? inputs[0])?.focus();
  }, [form, withKey]);
}

function NameField({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) {
  return (
    <Field label="Name">
      {(control) => (
        <input
          {...control}
          className="input"
          value={value}
          onChange={(event) => onChange(event.target.value)}
          autoComplete="username"
          autoCapitalize="off"
          spellCheck={false}
          maxLength={64}
          required
        />
      )}
    </Field>
  );
}

function Refusal({ error, waitS }: { readonly error: Error | null; readonly waitS: number }) {
  if (error === null) return null;
  const reason = error instanceof ApiError ? error.reason : "";
  if (reason === "TOO_MANY_ATTEMPTS") {
    if (waitS === 0) return null;
    return (
      <Note kind="warn">
        <p>
          Too many attempts have failed. This protects the password from being guessed; wait a moment, then try again.
        </p>
      </Note>
    );
  }
  if (reason === "SIGN_IN_REFUSED") {
    return (
      <Note kind="bad">
        <p>That is not right: the name, the password or the key. An administrator can give you another password.</p>
      </Note>
    );
  }
  return <ErrorNote error={error} />;
}
