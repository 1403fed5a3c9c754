import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowRight, CircleCheck } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { compareQuery, draftCheckQuery, draftDeployPath, getDraft } from "../../api/drafts.ts";
import { stream } from "../../api/event-stream.ts";
import { ApiError } from "../../api/http.ts";
import type {
  CompareVersionsResponse,
  DeployNote,
  DeployProgress,
  DeployStage,
  PackageChange,
  Workflow,
} from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { useBuilder } from "./builder-context.ts";
import { FileChanges, PackageChanges } from "./changes.tsx";
import { curlFor } from "./curl-for.ts";
import type { DraftSession } from "./draft-session.ts";
import "./changes.css";

const STAGES: readonly (readonly [stage: DeployStage, text: string])[] = [
  ["DEPLOY_STAGE_CHECKING", "Check the code"],
  ["DEPLOY_STAGE_RESOLVING", "Choose packages"],
  ["DEPLOY_STAGE_DOWNLOADING", "Download packages"],
  ["DEPLOY_STAGE_INSTALLING", "Install packages"],
  ["DEPLOY_STAGE_PUBLISHING", "Make it live"],
];

interface Going {
  readonly stage: DeployStage;
  readonly done: number;
  readonly total: number;
  readonly notes: readonly DeployNote[];
}

interface Ended {
  readonly workflow: Workflow;
  readonly packageChanges: readonly PackageChange[];
}

/** Shows what a deploy would change, deploys, tells how far it is, and ends with the address. */
export function DeployDialog({ onClose }: { readonly onClose: () => void }) {
  const { workflow, view, session } = useBuilder();
  const client = useQueryClient();
  const [going, setGoing] = useState<Going>();
  const [ended, setEnded] = useState<Ended>();
  const [error, setError] = useState<unknown>();
  const behind = (view.draft.liveVersion ?? 0) !== (view.draft.baseVersion ?? 0);
  const deploy = async (): Promise<void> => {
    setError(undefined);
    setGoing({ stage: "DEPLOY_STAGE_CHECKING", done: 0, total: 0, notes: [] });
    try {
      await session.ready();
      const body = { overwrite: behind, etag: await seenEtag(session, workflow.id!) };
      session.deploys("next");
      const signal = new AbortController().signal;
      for await (const message of stream<DeployProgress>("POST", draftDeployPath(workflow.id!), { body, signal })) {
        setGoing((before) => further(before, message));
        if (message.workflow == null) continue;
        session.deploys(message.workflow.version ?? 0);
        setEnded({ workflow: message.workflow, packageChanges: message.packageChanges ?? [] });
      }
      for (const key of ["workflow", "workflows", "versions", "compare"])
        void client.invalidateQueries({ queryKey: [key] });
    } catch (thrown) {
      session.deploys(0);
      setError(thrown);
    }
    setGoing(undefined);
  };
  const busy = going !== undefined && ended === undefined;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="large"
      title={ended === undefined ? `Deploy ${workflow.displayName}` : `Version ${ended.workflow.version} is live`}
    >
      {ended !== undefined && <Deployed ended={ended} />}
      {ended === undefined && busy && <Progress going={going} />}
      {ended === undefined && !busy && <WhatChanges behind={behind} />}
      {error !== undefined && <DeployError error={error} onClose={onClose} />}
      <footer>
        {ended === undefined ? (
          <>
            <Button onClick={onClose}>{busy ? "Close: it goes on" : "Not now"}</Button>
            <Button kind="primary" busy={busy} autoFocus onClick={() => void deploy()}>
              {behind ? `Deploy over version ${view.draft.liveVersion}` : "Deploy now"}
            </Button>
          </>
        ) : (
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        )}
      </footer>
    </Dialog>
  );
}

/** The draft's newest etag, as long as it is what the person has seen. */
async function seenEtag(session: DraftSession, workflow: string): Promise<string> {
  const { news } = session.view();
  const draft = await getDraft(workflow);
  session.take(draft);
  if (session.view().news === news) return draft.etag ?? "";
  throw new ApiError(0, "Somebody has changed the draft just now: look at what differs, and deploy again.", "");
}

function further(before: Going | undefined, { stage, done, total, notes }: DeployProgress): Going {
  return {
    stage: stage ?? before?.stage ?? "DEPLOY_STAGE_CHECKING",
    done: done ?? 0,
    total: total ?? 0,
    notes: [...(before?.notes ?? []), ...(notes ?? [])],
  };
}

function WhatChanges({ behind }: { readonly behind: boolean }) {
  const { workflow, view } = useBuilder();
  const id = workflow.id!;
  const live = view.draft.liveVersion ?? 0;
  const compare = useQuery({
    ...compareQuery(id, live, 0, view.draft.etag),
    placeholderData: (before: CompareVersionsResponse | undefined) => before,
  });
  const check = useQuery(draftCheckQuery(id, view.draft.etag ?? ""));
  const problems = check.data?.problems ?? [];
  const fresh = (check.data?.packages ?? []).filter(({ lockedVersion = "" }) => lockedVersion === "");
  return (
    <>
      {behind && (
        <Note kind="warn">
          Version {view.draft.liveVersion} was deployed since this draft was made of version {view.draft.baseVersion}:
          what is only there is replaced.
        </Note>
      )}
      {problems.map(({ message, file = "", line = 0 }) => (
        <Note key={`${file} ${line} ${message}`} kind="bad">
          {file !== "" && <span className="mono">{line > 0 ? `${file}:${line} ` : `${file} `}</span>}
          {message}
        </Note>
      ))}
      {compare.isPending && <Skeleton rows={4} label="Comparing with what is live" />}
      {compare.isError && <ErrorNote error={compare.error} onRetry={() => void compare.refetch()} />}
      {compare.data?.files?.length === 0 && (
        <p className="muted">Nothing differs from version {view.draft.liveVersion}.</p>
      )}
      <FileChanges files={compare.data?.files ?? []} />
      {fresh.length > 0 && (
        <p className="muted">
          New packages, in the newest versions that fit: {fresh.map(({ requirement }) => requirement).join(", ")}
        </p>
      )}
    </>
  );
}

function Progress({ going }: { readonly going: Going }) {
  const at = STAGES.findIndex(([stage]) => stage === going.stage);
  return (
    <>
      <ol className="stages" aria-label="Progress">
        {STAGES.map(([stage, text], index) => (
          <li
            key={stage}
            className={index < at ? "past" : index === at ? "now" : ""}
            aria-current={index === at ? "step" : undefined}
          >
            <span className="stage-mark" aria-hidden />
            {text}
            {index === at && going.total > 0 && <span className="mono faint">{`${going.done}/${going.total}`}</span>}
          </li>
        ))}
      </ol>
      {going.notes.map(({ message, file = "", line = 0 }) => (
        <Note key={`${file} ${line} ${message}`} kind="warn">
          {file !== "" && <span className="mono">{line > 0 ? `${file}:${line} ` : `${file} `}</span>}
          {message}
        </Note>
      ))}
    </>
  );
}

function Deployed({ ended }: { readonly ended: Ended }) {
  const { event, view } = useBuilder();
  const url = ended.workflow.triggers?.find(({ kind }) => kind === "http")?.url;
  const command =
    url === undefined ? `npx millrace run ${ended.workflow.displayName}` : curlFor(url, event, view.settingsJson);
  return (
    <div className="deployed">
      <p className="deployed-line">
        <CircleCheck size={18} aria-hidden /> Every gateway serves it.
      </p>
      {url !== undefined && (
        <div className="field">
          <span className="label">Address</span>
          <div className="copy-box">
            <code>{url}</code>
            <CopyButton text={url} label="Copy the address" />
          </div>
        </div>
      )}
      <div className="field">
        <span className="label">Try it</span>
        <div className="copy-box">
          <code>{command}</code>
          <CopyButton text={command} label="Copy the command" />
        </div>
      </div>
      <PackageChanges changes={ended.packageChanges} />
      <p>
        <Link to={`/workflows/${encodeURIComponent(ended.workflow.id!)}`}>
          Watch its runs <ArrowRight size={14} aria-hidden />
        </Link>
      </p>
    </div>
  );
}

/** What a deploy objects to leads to the place it is at. */
function DeployError({ error, onClose }: { readonly error: unknown; readonly onClose: () => void }) {
  const { view, select } = useBuilder();
  const metadata = error instanceof ApiError ? error.metadata : {};
  const places = Object.keys(metadata)
    .filter((key) => /^problems\.\d+\.message$/.test(key))
    .map((key) => {
      const at = key.slice(0, -"message".length);
      return { message: metadata[key], file: metadata[`${at}file`] ?? "", line: Number(metadata[`${at}line`] ?? 0) };
    });
  return (
    <>
      <ErrorNote error={error} />
      {places.map(({ message, file, line }) => {
        const step = view.steps.find((each) => each.file === file);
        if (step === undefined) return null;
        const go = (): void => {
          select((step.name ?? "").slice((step.name ?? "").lastIndexOf("/") + 1), line || undefined);
          onClose();
        };
        return (
          <p key={`${file} ${line} ${message}`}>
            <Button onClick={go}>
              Go to {step.displayName}
              {line > 0 ? `, line ${line}` : ""}
            </Button>
          </p>
        );
      })}
    </>
  );
}
