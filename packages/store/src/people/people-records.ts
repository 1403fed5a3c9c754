/** A person who signs in. */
export interface UserRecord {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly administrator: boolean;
  /** True until the user has chosen a password of its own. */
  readonly passwordInitial: boolean;
  readonly createTimeMs: number;
  readonly signInTimeMs: number | null;
}

/** A user with what it signs in with. */
export interface UserWithPassword extends UserRecord {
  /** Of `hashPassword`. */
  readonly passwordHash: string;
}

/** A user that is to be made. */
export interface NewUser {
  readonly projectId: string;
  readonly name: string;
  readonly passwordHash: string;
  readonly passwordInitial: boolean;
  readonly administrator: boolean;
}

/** The people of a house. */
export interface Users {
  /** `USER_EXISTS`, `TOO_MANY_USERS`. */
  create(user: NewUser): Promise<UserRecord>;
  /** Makes it unless the house has a user at all; returns undefined then. */
  createFirst(user: NewUser): Promise<UserRecord | undefined>;
  /** By name. */
  list(projectId: string): Promise<readonly UserRecord[]>;
  /** By name, in any project: whoever signs in has not said which. */
  find(name: string): Promise<UserWithPassword | undefined>;
  /** `USER_NOT_FOUND`. */
  get(userId: string): Promise<UserWithPassword>;
  /** Ends all of the user's sessions. `USER_NOT_FOUND`. */
  setPassword(userId: string, passwordHash: string, initial: boolean): Promise<UserRecord>;
  /** Ends all of the user's sessions. `USER_NOT_FOUND`, `LAST_ADMINISTRATOR`. */
  delete(projectId: string, name: string): Promise<void>;
}

/** Whose a session is. */
export type SessionOwner = { readonly userId: string } | { readonly apiKeyId: string };

/** A session as the record knows it. */
export interface SessionRecord {
  readonly id: string;
  readonly projectId: string;
  /** Null for a session of an API key. */
  readonly user: Pick<UserRecord, "id" | "name" | "administrator" | "passwordInitial"> | null;
  readonly apiKeyId: string | null;
  readonly userAgent: string;
  readonly clientIp: string;
  readonly createTimeMs: number;
  readonly useTimeMs: number;
}

/** How long sessions live. */
export interface SessionLives {
  /** Without use. */
  readonly idleMs: number;
  /** In all. */
  readonly lifeMs: number;
}

/** A session that is to begin. */
export interface NewSession {
  readonly projectId: string;
  readonly owner: SessionOwner;
  readonly userAgent: string;
  readonly clientIp: string;
}

/** Sessions; only hashes of their tokens are kept. */
export interface Sessions {
  /** Begins one; the only moment at which its token is known. The oldest ones beyond a bound end. */
  create(session: NewSession): Promise<{ session: SessionRecord; token: string }>;
  /** The session of a token while it lives, noting that it was used; undefined otherwise. */
  find(token: string, lives: SessionLives): Promise<SessionRecord | undefined>;
  /** Those of one owner that live, newest first. */
  list(owner: SessionOwner, lives: SessionLives): Promise<readonly SessionRecord[]>;
  /** `SESSION_NOT_FOUND`. */
  end(sessionId: string, owner: SessionOwner): Promise<void>;
}
