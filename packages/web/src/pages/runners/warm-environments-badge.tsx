import { useQuery } from "@tanstack/react-query";
import { Popover } from "radix-ui";
import { Link } from "react-router";
import { workflowsQuery } from "../../api/queries.ts";
import type { WarmEnvironments } from "../../api/generated/types.ts";

/** How many environments of a runner are warm; which versions they are of when asked. */
export function WarmEnvironmentsBadge({ environments }: { readonly environments: readonly WarmEnvironments[] }) {
  const total = environments.reduce((sum, { idleCount = 0 }) => sum + idleCount, 0);
  if (total === 0) return <span className="faint">0</span>;
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button type="button" className="badge badge-button" aria-label={`${total} warm environments: show of what`}>
          {total}
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover" sideOffset={6} collisionPadding={8} aria-label="Warm environments">
          <WarmList environments={environments} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function WarmList({ environments }: { readonly environments: readonly WarmEnvironments[] }) {
  const { data: workflows = [] } = useQuery(workflowsQuery);
  return (
    <ul className="warm-list">
      {environments.map(({ versionId, idleCount = 0 }) => {
        const workflow = workflows.find((each) => each.versionId === versionId);
        return (
          <li key={versionId}>
            {workflow === undefined ? (
              <span className="mono faint" title={versionId}>
                older version {versionId?.slice(-8)}
              </span>
            ) : (
              <Link to={`/workflows/${encodeURIComponent(workflow.id ?? "")}`} className="truncate">
                {workflow.displayName} <span className="faint">v{workflow.version}</span>
              </Link>
            )}
            <span className="number">{idleCount}</span>
          </li>
        );
      })}
    </ul>
  );
}
