import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Monitor } from "lucide-react";
import { useId, useState } from "react";
import { Page } from "../../app/page.tsx";
import { call } from "../../api/http.ts";
import { callerQuery } from "../../api/queries.ts";
import { sessionsQuery } from "../../api/resources.ts";
import type { Caller, Session } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { DeleteDialog } from "../../ui/delete-dialog.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { PasswordField } from "../../ui/password-field.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Ago } from "../../ui/time.tsx";
import { useSave } from "../../ui/use-save.ts";
import { browserName } from "./browser-name.ts";
import { SettingsTabs } from "./settings-tabs.tsx";
import "./settings.css";

/** What concerns the person who is signed in: the password, and where else that person is signed in. */
export function YouPage() {
  const { data: caller } = useQuery(callerQuery);
  return (
    <Page title="Settings">
      <SettingsTabs />
      <div className="settings">
        {caller?.passwordInitial === true && (
          <Note kind="warn">
            You still have the password that this house was started with. It lies in a file of the data folder: change
            it.
          </Note>
        )}
        {caller !== undefined && <Who caller={caller} />}
        {(caller?.user ?? "") !== "" && <Password />}
        <Sessions />
      </div>
    </Page>
  );
}

function Who({ caller }: { readonly caller: Caller }) {
  const user = (caller.user ?? "").replace("users/", "");
  return (
    <section className="card setting" aria-labelledby="who-heading">
      <header>
        <h2 id="who-heading">Signed in</h2>
      </header>
      <dl className="setting-facts">
        <dt>As</dt>
        <dd>{user === "" ? <>the API key that was given at sign-in</> : user}</dd>
        <dt>Role</dt>
        <dd>{caller.administrator === true ? "administrator" : "member"}</dd>
        <dt>Project</dt>
        <dd>{caller.projectDisplayName}</dd>
      </dl>
    </section>
  );
}

function Password() {
  const client = useQueryClient();
  const heading = useId();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const save = useSave({
    save: () => call("POST", "sessions:changePassword", { body: { oldPassword: old, newPassword: fresh } }),
    changes: [sessionsQuery.queryKey],
    done: () => "The password is changed. All other sessions have ended.",
    always: () => void client.invalidateQueries({ queryKey: callerQuery.queryKey }),
    then: () => {
      setOld("");
      setFresh("");
    },
  });
  const isShort = fresh !== "" && fresh.length < PASSWORD_MIN;
  return (
    <section className="card setting" aria-labelledby={heading}>
      <header>
        <h2 id={heading}>Password</h2>
      </header>
      <form
        className="setting-form"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <PasswordField label="Current password" autoComplete="current-password" value={old} onChange={setOld} />
        <PasswordField
          label="New password"
          autoComplete="new-password"
          hint={`At least ${PASSWORD_MIN} characters; a few words are easier to remember than signs.`}
          error={isShort ? `${PASSWORD_MIN - fresh.length} more to go.` : undefined}
          value={fresh}
          onChange={setFresh}
        />
        {save.isError && <ErrorNote error={save.error} />}
        <div>
          <Button
            type="submit"
            kind="primary"
            busy={save.isPending}
            disabled={old === "" || fresh.length < PASSWORD_MIN}
          >
            Change the password
          </Button>
          <span className="faint setting-aside">Ends all of your other sessions.</span>
        </div>
      </form>
    </section>
  );
}

/** As the house wants it. */
export const PASSWORD_MIN = 10;

function Sessions() {
  const sessions = useQuery(sessionsQuery);
  const [ended, setEnded] = useState<Session>();
  return (
    <section className="card setting" aria-labelledby="sessions-heading">
      <header>
        <h2 id="sessions-heading">Where you are signed in</h2>
      </header>
      {sessions.isPending && <Skeleton rows={2} label="Loading the sessions" />}
      {sessions.isError && <ErrorNote error={sessions.error} onRetry={() => void sessions.refetch()} />}
      <ul className="sessions">
        {sessions.data?.map((session) => (
          <li key={session.name}>
            <Monitor size={18} aria-hidden />
            <div>
              <p className="strong" title={session.userAgent}>
                {browserName(session.userAgent ?? "")}{" "}
                {session.current === true && <span className="badge good">this one</span>}
              </p>
              <p className="faint">
                {(session.clientIp ?? "") === "" ? "address unknown" : session.clientIp} · used{" "}
                <Ago time={session.useTime} /> · began <Ago time={session.createTime} />
              </p>
            </div>
            {session.current !== true && (
              <Button
                aria-label={`End it: the session of ${browserName(session.userAgent ?? "")} at ${session.clientIp}`}
                onClick={() => setEnded(session)}
              >
                End it
              </Button>
            )}
          </li>
        ))}
      </ul>
      {ended !== undefined && (
        <DeleteDialog
          path={ended.name ?? ""}
          title="End this session?"
          confirm="End it"
          done="The session is ended"
          changes={[sessionsQuery.queryKey]}
          onClose={() => setEnded(undefined)}
        >
          Whoever has it has to sign in again.
        </DeleteDialog>
      )}
    </section>
  );
}
