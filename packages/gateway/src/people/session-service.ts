import { PlatformError } from "@millrace/core";
import type { sessionApi } from "@millrace/protocol";
import {
  hashApiKey,
  type Projects,
  type SessionLives,
  type SessionOwner,
  type SessionRecord,
  type Sessions,
  type Users,
} from "@millrace/store";
import { isAdministrator, type ApiCaller, type ApiContext } from "../api/api-caller.ts";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import type { AttemptLimit } from "./attempt-limit.ts";
import type { Passwords } from "./passwords.ts";

const NAME_PREFIX = "sessions/";

export interface SessionServiceOptions {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly projects: Projects;
  readonly cache: Pick<DefinitionCache, "findApiKey">;
  readonly passwords: Passwords;
  readonly lives: SessionLives;
  /** By user and by address: the second allows more, since many may share one. */
  readonly limits: { readonly user: AttemptLimit; readonly peer: AttemptLimit };
}

/** `millrace.api.v1.SessionService`. */
export class SessionService {
  readonly #options: SessionServiceOptions;

  constructor(options: SessionServiceOptions) {
    this.#options = options;
  }

  async signIn(request: sessionApi.SignInRequest, context: ApiContext): Promise<sessionApi.SignInResponse> {
    const { limits } = this.#options;
    const [user, peer] = [[`user ${request.user.slice(0, 100)}`], [`peer ${context.peer}`]];
    limits.peer.begin(peer);
    if (request.apiKey !== "") {
      const key = this.#options.cache.findApiKey(hashApiKey(request.apiKey));
      if (key === undefined) throw refused();
      limits.peer.succeeded(peer);
      return this.#begin({ projectId: key.projectId, owner: { apiKeyId: key.id } }, context);
    }
    limits.user.begin(user);
    const known = request.user === "" ? undefined : await this.#options.users.find(request.user);
    if (!(await this.#options.passwords.check(request.password, known?.passwordHash)) || known === undefined) {
      throw refused();
    }
    limits.user.succeeded(user);
    limits.peer.succeeded(peer);
    return this.#begin({ projectId: known.projectId, owner: { userId: known.id } }, context);
  }

  async signOut(_: sessionApi.SignOutRequest, { principal }: ApiContext): Promise<Record<string, never>> {
    const { session } = principal;
    if (session === undefined) {
      throw new PlatformError("FailedPrecondition", "NO_SESSION", "an API key has no session to end");
    }
    await this.#options.sessions.end(session.id, ownerOf(principal));
    return {};
  }

  async getCaller(_: sessionApi.GetCallerRequest, { principal }: ApiContext): Promise<sessionApi.Caller> {
    const { session, apiKeyId, projectId } = principal;
    const { name } = await this.#options.projects.getSettings(projectId);
    const user = session?.user;
    return {
      user: user ? `users/${user.name}` : "",
      apiKey: apiKeyId === "" ? "" : `apiKeys/${apiKeyId}`,
      administrator: isAdministrator(principal),
      projectDisplayName: name,
      session: session && this.#toSession(session, principal),
      passwordInitial: user?.passwordInitial ?? false,
    };
  }

  async listSessions(
    _: sessionApi.ListSessionsRequest,
    { principal }: ApiContext,
  ): Promise<sessionApi.ListSessionsResponse> {
    const sessions = await this.#options.sessions.list(ownerOf(principal), this.#options.lives);
    return { sessions: sessions.map((session) => this.#toSession(session, principal)) };
  }

  async revokeSession(
    { name }: sessionApi.RevokeSessionRequest,
    { principal }: ApiContext,
  ): Promise<Record<string, never>> {
    if (!name.startsWith(NAME_PREFIX)) {
      throw new PlatformError("InvalidArgument", "INVALID_NAME", "a session is named sessions/<id>");
    }
    await this.#options.sessions.end(name.slice(NAME_PREFIX.length), ownerOf(principal));
    return {};
  }

  async changePassword(
    request: sessionApi.ChangePasswordRequest,
    context: ApiContext,
  ): Promise<sessionApi.SignInResponse> {
    const user = context.principal.session?.user;
    if (!user) throw new PlatformError("FailedPrecondition", "NO_USER", "an API key has no password");
    const { users, passwords, limits } = this.#options;
    const attempt = [`user ${user.name}`];
    limits.user.begin(attempt);
    const known = await users.get(user.id);
    if (!(await passwords.check(request.oldPassword, known.passwordHash))) throw refused();
    limits.user.succeeded(attempt);
    await users.setPassword(user.id, await passwords.hash(request.newPassword), false);
    return this.#begin({ projectId: known.projectId, owner: { userId: user.id } }, context);
  }

  async #begin(
    session: { projectId: string; owner: SessionOwner },
    context: ApiContext,
  ): Promise<sessionApi.SignInResponse> {
    const userAgent = context.header("user-agent") ?? "";
    const begun = await this.#options.sessions.create({ ...session, userAgent, clientIp: context.peer });
    const caller: ApiCaller = { projectId: session.projectId, apiKeyId: "", session: begun.session };
    return { session: this.#toSession(begun.session, caller), sessionToken: begun.token };
  }

  #toSession(session: SessionRecord, caller: ApiCaller): sessionApi.Session {
    const { idleMs, lifeMs } = this.#options.lives;
    return {
      name: `${NAME_PREFIX}${session.id}`,
      user: session.user === null ? "" : `users/${session.user.name}`,
      createTime: new Date(session.createTimeMs),
      useTime: new Date(session.useTimeMs),
      expireTime: new Date(Math.min(session.useTimeMs + idleMs, session.createTimeMs + lifeMs)),
      userAgent: session.userAgent,
      clientIp: session.clientIp,
      current: session.id === caller.session?.id,
    };
  }
}

function ownerOf({ session, apiKeyId }: ApiCaller): SessionOwner {
  return session?.user ? { userId: session.user.id } : { apiKeyId };
}

/** The same, whatever is wrong. */
function refused(): PlatformError {
  return new PlatformError(
    "Unauthenticated",
    "SIGN_IN_REFUSED",
    "the name and password, or the API key, are not right",
  );
}
