import { createHash, randomBytes } from "node:crypto";
import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import type { Database } from "../database.ts";
import { isId } from "../definitions/ids.ts";
import type { Tables } from "../tables.ts";
import type { NewSession, SessionLives, SessionOwner, SessionRecord, Sessions } from "./people-records.ts";

/** 256 bits: a hash without salt or stretching is enough. */
const TOKEN_BYTES = 32;
const SESSIONS_PER_OWNER_MAX = 50;
const USER_AGENT_MAX = 200;

/** Sessions on Postgres. */
export function createSessions(database: Database): Sessions {
  return {
    create: (session) => createSession(database, session),
    find: (token, lives) => findSession(database, token, lives),
    list: (owner, lives) =>
      database.read(async (kysely) => {
        const rows = await livingSessions(kysely, lives)
          .where(...ownerIs(owner))
          .orderBy("s.create_time", "desc")
          .execute();
        return rows.map(toSession);
      }),
    end: (sessionId, owner) =>
      database.transaction(async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom("sessions as s")
          .where("s.id", "=", isId(sessionId) ? sessionId : null)
          .where(...ownerIs(owner))
          .executeTakeFirst();
        if (numDeletedRows === 0n) throw new PlatformError("NotFound", "SESSION_NOT_FOUND", "there is no such session");
      }),
  };
}

/** Removes sessions that no setting lets live so long. */
export function pruneSessions(database: Database): Promise<number> {
  return database.change("DELETE FROM sessions WHERE use_time < now() - interval '366 days'");
}

/** Names as tokens of sessions, so that none is taken for an API key. */
function createToken(): string {
  return `mrs_${randomBytes(TOKEN_BYTES).toString("base64url")}`;
}

function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function ownerIs(owner: SessionOwner): ["s.user_id" | "s.api_key_id", "=", string] {
  return "userId" in owner ? ["s.user_id", "=", owner.userId] : ["s.api_key_id", "=", owner.apiKeyId];
}

async function createSession(database: Database, session: NewSession) {
  const { owner } = session;
  const token = createToken();
  return database.transaction(async (transaction) => {
    const { id } = await transaction
      .insertInto("sessions")
      .values({
        hash: hashToken(token),
        project_id: session.projectId,
        user_id: "userId" in owner ? owner.userId : null,
        api_key_id: "userId" in owner ? null : owner.apiKeyId,
        user_agent: session.userAgent.slice(0, USER_AGENT_MAX).replaceAll("\0", ""),
        client_ip: session.clientIp,
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    if ("userId" in owner) {
      await transaction.updateTable("users").set({ sign_in_time: new Date() }).where("id", "=", owner.userId).execute();
    }
    const surplus = transaction
      .selectFrom("sessions as s")
      .select("s.id")
      .where(...ownerIs(owner))
      .orderBy("s.create_time", "desc")
      .offset(SESSIONS_PER_OWNER_MAX);
    await transaction.deleteFrom("sessions").where("id", "in", surplus).execute();
    const row = await sessionsWithUsers(transaction).where("s.id", "=", id).executeTakeFirstOrThrow();
    return { session: toSession(row), token };
  });
}

/** One statement reads; a second one notes the use, at most once a minute. */
async function findSession(database: Database, token: string, lives: SessionLives): Promise<SessionRecord | undefined> {
  const row = await database.read((kysely) =>
    livingSessions(kysely, lives).where("s.hash", "=", hashToken(token)).executeTakeFirst(),
  );
  if (row === undefined) return undefined;
  if (row.stale) {
    await database.change(
      "UPDATE sessions SET use_time = now() WHERE id = $1 AND use_time < now() - interval '1 minute'",
      [row.id],
    );
  }
  return toSession(row);
}

function sessionsWithUsers(kysely: Kysely<Tables>) {
  return kysely
    .selectFrom("sessions as s")
    .leftJoin("users as u", "u.id", "s.user_id")
    .leftJoin("api_keys as k", "k.id", "s.api_key_id")
    .where("k.revoke_time", "is", null)
    .select(["s.id", "s.project_id", "s.user_id", "s.api_key_id", "s.user_agent", "s.client_ip"])
    .select(["s.create_time", "s.use_time", "u.name", "u.administrator", "u.password_initial"])
    .select(sql<boolean>`s.use_time < now() - interval '1 minute'`.as("stale"));
}

function livingSessions(kysely: Kysely<Tables>, { idleMs, lifeMs }: SessionLives) {
  return sessionsWithUsers(kysely)
    .where(sql<boolean>`s.use_time > now() - ${idleMs} * interval '1 millisecond'`)
    .where(sql<boolean>`s.create_time > now() - ${lifeMs} * interval '1 millisecond'`);
}

type SessionRow = Awaited<ReturnType<ReturnType<typeof sessionsWithUsers>["execute"]>>[number];

function toSession(row: SessionRow): SessionRecord {
  const { user_id, name, administrator, password_initial } = row;
  const user =
    user_id === null
      ? null
      : {
          id: user_id,
          name: name ?? "",
          administrator: administrator ?? false,
          passwordInitial: password_initial ?? false,
        };
  return {
    id: row.id,
    projectId: row.project_id,
    user,
    apiKeyId: row.api_key_id,
    userAgent: row.user_agent,
    clientIp: row.client_ip,
    createTimeMs: row.create_time,
    useTimeMs: row.use_time,
  };
}
