import { PlatformError } from "@millrace/core";
import type { userApi } from "@millrace/protocol";
import type { UserRecord, Users } from "@millrace/store";
import { assertAdministrator, type ApiContext } from "../api/api-caller.ts";
import type { Passwords } from "./passwords.ts";

const NAME = /^[a-z0-9._@-]{1,64}$/;
const NAME_PREFIX = "users/";

/** `millrace.api.v1.UserService`. */
export class UserService {
  readonly #users: Users;
  readonly #passwords: Passwords;

  constructor(users: Users, passwords: Passwords) {
    this.#users = users;
    this.#passwords = passwords;
  }

  async listUsers(_: userApi.ListUsersRequest, { principal }: ApiContext): Promise<userApi.ListUsersResponse> {
    assertAdministrator(principal);
    return { users: (await this.#users.list(principal.projectId)).map(toUser) };
  }

  async createUser(request: userApi.CreateUserRequest, { principal }: ApiContext): Promise<userApi.User> {
    assertAdministrator(principal);
    const { administrator, password } = request;
    const name = parseUserName(request.name);
    const passwordHash = await this.#passwords.hash(password);
    const { projectId } = principal;
    return toUser(await this.#users.create({ projectId, name, passwordHash, passwordInitial: true, administrator }));
  }

  async resetUserPassword(request: userApi.ResetUserPasswordRequest, { principal }: ApiContext): Promise<userApi.User> {
    assertAdministrator(principal);
    const user = await this.#users.find(parseUserName(request.name));
    if (user?.projectId !== principal.projectId) {
      throw new PlatformError("NotFound", "USER_NOT_FOUND", "there is no such user");
    }
    return toUser(await this.#users.setPassword(user.id, await this.#passwords.hash(request.password), true));
  }

  async deleteUser(request: userApi.DeleteUserRequest, { principal }: ApiContext): Promise<Record<string, never>> {
    assertAdministrator(principal);
    await this.#users.delete(principal.projectId, parseUserName(request.name));
    return {};
  }
}

function parseUserName(name: string): string {
  const user = name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : "";
  if (NAME.test(user)) return user;
  const form = "users/<name>, the name lower-case letters, digits and . _ - @, at most 64";
  throw new PlatformError("InvalidArgument", "INVALID_USER", `a user is named ${form}`);
}

function toUser({ name, administrator, createTimeMs, signInTimeMs }: UserRecord): userApi.User {
  return {
    name: `${NAME_PREFIX}${name}`,
    administrator,
    createTime: new Date(createTimeMs),
    signInTime: signInTimeMs === null ? undefined : new Date(signInTimeMs),
  };
}
