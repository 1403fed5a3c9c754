import type { QueueShare, ShareOutcome, ShareRequest } from "@millrace/core";
import type pg from "pg";

/** Shares of the partitions' projects. */
export async function readShares(
  client: pg.ClientBase,
  partitions: readonly number[],
): Promise<Map<number, QueueShare[]>> {
  const { rows } = await client.query<{ partition: number; project_id: string; share: number }>(
    "SELECT partition, project_id, share FROM queue_shares WHERE partition = ANY ($1)",
    [[...partitions]],
  );
  const shares = Map.groupBy(rows, ({ partition }) => partition);
  const toShare = ({ project_id, share }: { project_id: string; share: number }) => ({ projectId: project_id, share });
  return new Map([...shares].map(([partition, found]) => [partition, found.map(toShare)]));
}

/**
 * Gives and takes shares, each request under the locks of its partition's epoch and of its project, in the order in which commits
 * and takeovers lock. The sums are read by a statement of their own: one that had waited for the lock would count with the
 * snapshot from before.
 *
 * @param limitDefault of projects that set none
 */
export async function leaseShares(
  client: pg.ClientBase,
  requests: readonly ShareRequest[],
  limitDefault: number,
): Promise<ShareOutcome> {
  const shares: ShareOutcome["shares"][number][] = [];
  if (requests.length > 0) {
    await client.query("BEGIN");
    try {
      shares.push(...(await giveShares(client, requests, limitDefault)));
      await client.query("COMMIT");
    } catch (thrown) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw thrown;
    }
  }
  const { rows } = await client.query<{ project_id: string }>(
    "SELECT DISTINCT project_id FROM queue_shares WHERE wanted > 0",
  );
  return { shares, wanting: rows.map(({ project_id }) => project_id) };
}

async function giveShares(
  client: pg.ClientBase,
  requests: readonly ShareRequest[],
  limitDefault: number,
): Promise<ShareOutcome["shares"]> {
  const { rows: held } = await client.query<{ partition: number; epoch: number }>(
    "SELECT partition, epoch FROM partitions WHERE partition = ANY ($1) ORDER BY partition FOR SHARE",
    [requests.map(({ partition }) => partition)],
  );
  const epochs = new Map(held.map(({ partition, epoch }) => [partition, epoch]));
  const { rows: projects } = await client.query<{ id: string; queue_limit: number | null }>(
    "SELECT id, queue_limit FROM projects WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
    [requests.map(({ projectId }) => projectId)],
  );
  const limits = new Map(projects.map(({ id, queue_limit }) => [id, queue_limit ?? limitDefault]));
  const shares: ShareOutcome["shares"][number][] = [];
  for (const request of requests) {
    const limit = limits.get(request.projectId);
    if (epochs.get(request.partition) !== request.epoch) shares.push("MOVED");
    else shares.push(limit === undefined ? undefined : await giveShare(client, request, limit));
  }
  return shares;
}

/** As much as is wanted, or as there is; undefined when a later request came first. */
async function giveShare(
  client: pg.ClientBase,
  { projectId, partition, number, needed, wanted }: ShareRequest,
  limit: number,
): Promise<number | undefined> {
  const { rows } = await client.query<{ others: number }>(
    "SELECT COALESCE(sum(share), 0)::float8 AS others FROM queue_shares WHERE project_id = $1 AND partition <> $2",
    [projectId, partition],
  );
  const share = Math.max(0, Math.min(wanted, limit - rows[0]!.others));
  const { rowCount } = await client.query(
    `INSERT INTO queue_shares AS s (project_id, partition, share, wanted, number) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (project_id, partition) DO UPDATE SET share = excluded.share, wanted = excluded.wanted, number = excluded.number
       WHERE s.number < excluded.number`,
    [projectId, partition, share, Math.max(0, needed - share), number],
  );
  return rowCount === 1 ? share : undefined;
}
