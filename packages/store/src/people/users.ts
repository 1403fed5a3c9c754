import { PlatformError } from "@millrace/core";
import { sql, type Kysely } from "kysely";
import { isUniqueViolation } from "../database-error.ts";
import type { Database } from "../database.ts";
import type { Tables } from "../tables.ts";
import type { NewUser, UserRecord, Users, UserWithPassword } from "./people-records.ts";

const USERS_MAX = 1_000;
/** One order of all changes of users, so that the last administrator stays. */
const LOCK = sql`SELECT pg_advisory_xact_lock(hashtext('millrace.users'))`;

/** Users on Postgres. */
export function createUsers(database: Database): Users {
  return {
    create: (user) =>
      database.transaction(async (transaction) => {
        const { count } = await countUsers(transaction);
        if (count >= USERS_MAX) {
          throw new PlatformError("ResourceExhausted", "TOO_MANY_USERS", `a house has at most ${USERS_MAX} users`);
        }
        return insertUser(transaction, user);
      }),
    createFirst: (user) =>
      database.transaction(async (transaction) => {
        const { count } = await countUsers(transaction);
        return count > 0 ? undefined : insertUser(transaction, user);
      }),
    list: (projectId) =>
      database.read(async (kysely) => {
        const rows = kysely.selectFrom("users").selectAll().where("project_id", "=", projectId).orderBy("name");
        return (await rows.execute()).map(toUser);
      }),
    find: (name) =>
      database.read(async (kysely) => {
        const row = kysely.selectFrom("users").selectAll().where("name", "=", name.replaceAll("\0", ""));
        return withPassword(await row.executeTakeFirst());
      }),
    get: (userId) =>
      database.read(async (kysely) => {
        const row = kysely.selectFrom("users").selectAll().where("id", "=", userId);
        return withPassword(await row.executeTakeFirst()) ?? Promise.reject(notFound());
      }),
    setPassword: (userId, passwordHash, initial) =>
      database.transaction(async (transaction) => {
        const changed = await transaction
          .updateTable("users")
          .set({ password_hash: passwordHash, password_initial: initial })
          .where("id", "=", userId)
          .returningAll()
          .executeTakeFirst();
        if (changed === undefined) throw notFound();
        await transaction.deleteFrom("sessions").where("user_id", "=", userId).execute();
        return toUser(changed);
      }),
    delete: (projectId, name) => deleteUser(database, projectId, name),
  };
}

async function countUsers(transaction: Kysely<Tables>): Promise<{ count: number }> {
  await LOCK.execute(transaction);
  const query = transaction.selectFrom("users").select(sql<number>`count(*)::int`.as("count"));
  return query.executeTakeFirstOrThrow();
}

async function insertUser(transaction: Kysely<Tables>, user: NewUser): Promise<UserRecord> {
  try {
    const row = await transaction
      .insertInto("users")
      .values({
        project_id: user.projectId,
        name: user.name,
        password_hash: user.passwordHash,
        password_initial: user.passwordInitial,
        administrator: user.administrator,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toUser(row);
  } catch (thrown) {
    if (!isUniqueViolation(thrown)) throw thrown;
    throw new PlatformError("AlreadyExists", "USER_EXISTS", `there is a user "${user.name}" already`, {
      cause: thrown,
    });
  }
}

function deleteUser(database: Database, projectId: string, name: string): Promise<void> {
  return database.transaction(async (transaction) => {
    await LOCK.execute(transaction);
    const deleted = await transaction
      .deleteFrom("users")
      .where("project_id", "=", projectId)
      .where("name", "=", name)
      .returning("administrator")
      .executeTakeFirst();
    if (deleted === undefined) throw notFound();
    if (!deleted.administrator) return;
    const left = transaction.selectFrom("users").select("id").where("administrator", "=", true).limit(1);
    if ((await left.executeTakeFirst()) !== undefined) return;
    throw new PlatformError("FailedPrecondition", "LAST_ADMINISTRATOR", "the last administrator of a house stays");
  });
}

interface UserRow {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly administrator: boolean;
  readonly password_initial: boolean;
  readonly password_hash: string;
  readonly create_time: number;
  readonly sign_in_time: number | null;
}

function toUser(row: UserRow): UserRecord {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    administrator: row.administrator,
    passwordInitial: row.password_initial,
    createTimeMs: row.create_time,
    signInTimeMs: row.sign_in_time,
  };
}

function withPassword(row: UserRow | undefined): UserWithPassword | undefined {
  return row && { ...toUser(row), passwordHash: row.password_hash };
}

function notFound(): PlatformError {
  return new PlatformError("NotFound", "USER_NOT_FOUND", "there is no such user");
}
