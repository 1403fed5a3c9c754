import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { workflowsQuery } from "../../api/queries.ts";
import { idOf } from "../../api/resources.ts";
import { call, segment } from "../../api/http.ts";
import type { Account, Workflow } from "../../api/generated/types.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";

/** So many definitions are asked for at a time. */
const AT_A_TIME = 8;

interface Use {
  readonly workflow: Workflow;
  readonly steps: readonly string[];
}

/** Which steps of which live versions have an account as an input. */
export function UsedByDialog({ account, onClose }: { readonly account: Account; readonly onClose: () => void }) {
  const name = idOf(account.name);
  const workflows = useQuery(workflowsQuery);
  const uses = useQuery({
    queryKey: ["uses", name, workflows.dataUpdatedAt],
    queryFn: ({ signal }) => usesOf(name, workflows.data ?? [], signal),
    enabled: workflows.data !== undefined,
    gcTime: 0,
  });
  const error = workflows.error ?? uses.error;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Where ${name} is used`}
      about="Steps of deployed workflows that have it as an input."
    >
      {error !== null && <ErrorNote error={error} onRetry={() => void uses.refetch()} />}
      {error === null && uses.isPending && <Skeleton rows={3} label="Looking through the workflows" />}
      {uses.data?.length === 0 && <p className="muted">No deployed workflow uses it.</p>}
      <ul className="uses">
        {uses.data?.map(({ workflow, steps }) => (
          <li key={workflow.id}>
            <Link to={`/workflows/${encodeURIComponent(workflow.id ?? "")}`}>{workflow.displayName}</Link>
            <span className="faint">{steps.join(", ")}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

async function usesOf(account: string, workflows: readonly Workflow[], signal: AbortSignal): Promise<readonly Use[]> {
  const found: Use[] = [];
  const deployed = workflows.filter(({ version = 0 }) => version > 0);
  for (let at = 0; at < deployed.length; at += AT_A_TIME) {
    const some = deployed.slice(at, at + AT_A_TIME).map(({ id = "" }) => id);
    const whole = await Promise.all(some.map((id) => call<Workflow>("GET", `workflows/${segment(id)}`, { signal })));
    for (const workflow of whole) {
      const steps = stepsWith(account, workflow.definitionJson ?? "{}");
      if (steps.length > 0) found.push({ workflow, steps });
    }
  }
  return found;
}

interface Definition {
  readonly steps?: readonly { readonly name?: string; readonly inputs?: Readonly<Record<string, unknown>> }[];
}

/** Names of the steps of a definition that have an account as an input. */
function stepsWith(account: string, definitionJson: string): readonly string[] {
  const { steps = [] } = JSON.parse(definitionJson) as Definition;
  const isIt = (input: unknown): boolean =>
    typeof input === "object" && input !== null && (input as { account?: unknown }).account === account;
  return steps.filter(({ inputs }) => Object.values(inputs ?? {}).some(isIt)).map(({ name = "" }) => name);
}
