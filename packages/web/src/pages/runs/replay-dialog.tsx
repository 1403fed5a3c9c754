import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { ApiError } from "../../api/http.ts";
import { workflowQuery } from "../../api/queries.ts";
import { readRunValue, replayRun } from "../../api/run-calls.ts";
import type { Run } from "../../api/generated/types.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { readJson, writeJson } from "../../ui/json-tree.ts";
import { Select } from "../../ui/select.tsx";
import { problemOf } from "./json-problem.ts";

/** Beyond this an event cannot be edited by hand in a page. */
const EDITED_BYTES = 2 * 1024 * 1024;

/** Starts a run anew: from the start or a step, with its own version or the newest, with its own event or another. */
export function ReplayDialog({ run, onClose }: { readonly run: Run; readonly onClose: () => void }) {
  const [fromStep, setFromStep] = useState("");
  const [version, setVersion] = useState<"own" | "newest">("own");
  const event = useEvent(run);
  const [edited, setEdited] = useState<string>();
  const requestId = useRef(crypto.randomUUID());
  const navigate = useNavigate();
  const workflow = useQuery({ ...workflowQuery(run.workflow!.split("/")[1]!), retry: false });
  const replay = useMutation({
    mutationFn: () =>
      replayRun(run.id!, {
        ...{ fromStep, newestVersion: version === "newest", requestId: requestId.current },
        eventJson: edited === undefined || edited === event.text ? "" : edited,
      }),
    // What was refused is another wish when it is sent again; what nobody answered may have begun, and must not begin twice.
    onError: (error) => {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500)
        requestId.current = crypto.randomUUID();
    },
    onSuccess: (next) => {
      onClose();
      void navigate(`/runs/${next.id}`);
    },
  });
  const newest = workflow.data?.version;
  const problem =
    edited === undefined
      ? undefined
      : edited.trim() === ""
        ? "An event is JSON: write {} for an empty one."
        : problemOf(edited);
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      size="large"
      title="Replay this run"
      about="A new run begins; this one stays as it is. Whatever the steps do, they do again."
      submit="Replay"
      onSubmit={() => replay.mutate()}
      busy={replay.isPending}
      error={replay.error}
      valid={problem === undefined}
    >
      <div className="replay-choices">
        <Field
          label="Begin at"
          hint={fromStep === "" ? "Every step runs." : "Steps above it keep their results of this run."}
        >
          {(control) => <Select {...control} value={fromStep} onChange={setFromStep} options={startsOf(run)} />}
        </Field>
        <Field label="Version" hint={newest === run.version ? "This run has run the newest version." : undefined}>
          {(control) => (
            <Select
              {...control}
              value={version}
              onChange={setVersion}
              options={[
                ["own", `Its own, v${run.version}`],
                ["newest", newest === undefined ? "The newest" : `The newest, v${newest}`],
              ]}
            />
          )}
        </Field>
      </div>
      <Field
        label="Event"
        error={problem}
        hint={
          event.tooLarge
            ? "It is too large to be edited here; the new run gets it as it is."
            : edited === undefined || edited === event.text
              ? "As this run had it. Edit it to replay with another."
              : "Edited: the new run gets this event."
        }
      >
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={10}
            spellCheck={false}
            disabled={event.tooLarge || event.text === undefined}
            value={edited ?? event.text ?? (event.tooLarge ? "" : "…")}
            onChange={({ target }) => setEdited(target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}

/** Where a replay may begin: behind every step that has ended well, the next one may. */
function startsOf({ steps = [] }: Run): readonly (readonly [string, string])[] {
  const ended = steps.findIndex(({ state }) => state !== "RUN_STATE_SUCCEEDED");
  const reachable = ended < 0 ? steps : steps.slice(0, ended + 1);
  return [
    ["", `The start${steps[0] === undefined ? "" : `, ${steps[0].name}`}`],
    ...reachable.slice(1).map(({ name = "" }) => [name, name] as const),
  ];
}

/** The event laid out to be edited; a large one is read first. */
function useEvent(run: Run): { readonly text: string | undefined; readonly tooLarge: boolean } {
  const size = Number(run.largeValues?.find(({ kind }) => kind === "RUN_VALUE_KIND_EVENT")?.size ?? 0);
  const tooLarge = size > EDITED_BYTES;
  const large = useQuery({
    queryKey: ["run-value", run.id, "event"],
    queryFn: ({ signal }) => readRunValue(run.id!, "RUN_VALUE_KIND_EVENT", "", signal),
    enabled: size > 0 && !tooLarge,
    gcTime: 10_000,
  });
  const json = size > 0 ? large.data : run.eventJson;
  const text = useMemo(() => (json === undefined ? undefined : writeJson(readJson(json || "{}"), 2)), [json]);
  return { text, tooLarge };
}
