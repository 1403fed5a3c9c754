import { PlatformError } from "@millrace/core";
import type { variableApi } from "@millrace/protocol";
import type { ListedVariable, Variables } from "@millrace/store";
import type { ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";
import { parseVariableName } from "./resource-names.ts";

const PAGE = { fallback: 100, max: 1000 };
const VALUE_BYTES_MAX = 64 * 1024;
const RESERVED = /^(MILLRACE|PIPEDREAM)_/i;

export interface VariableServiceOptions {
  readonly variables: Variables;
  /** Tells everybody that keeps variables to ask anew. */
  readonly announce: () => Promise<void>;
}

/** `millrace.api.v1.VariableService`. */
export class VariableService {
  readonly #options: VariableServiceOptions;

  constructor(options: VariableServiceOptions) {
    this.#options = options;
  }

  async setVariable(
    request: variableApi.SetVariableRequest,
    { principal: caller }: ApiContext,
  ): Promise<variableApi.Variable> {
    const { name, value, secret } = checkedVariable(request.variable);
    const { variables } = this.#options;
    const record = await variables.set(caller.projectId, { name, value, secret });
    await this.#options.announce();
    return toVariable(record);
  }

  async listVariables(
    request: variableApi.ListVariablesRequest,
    { principal: caller }: ApiContext,
  ): Promise<variableApi.ListVariablesResponse> {
    const size = pageSizeOf(request.pageSize, PAGE);
    // The token is the last name of the page before, so that a change between two pages neither doubles nor skips others.
    const after = request.pageToken === "" ? "" : parseVariableName(request.pageToken);
    const all = [...(await this.#options.variables.list(caller.projectId))];
    const rest = all.sort((a, b) => (a.name < b.name ? -1 : 1)).filter(({ name }) => name > after);
    const page = rest.slice(0, size);
    const nextPageToken = rest.length > size ? `variables/${page.at(-1)!.name}` : "";
    return { variables: page.map(toVariable), nextPageToken };
  }

  async deleteVariable(
    request: variableApi.DeleteVariableRequest,
    { principal: caller }: ApiContext,
  ): Promise<Record<string, never>> {
    await this.#options.variables.unset(caller.projectId, parseVariableName(request.name));
    await this.#options.announce();
    return {};
  }
}

function checkedVariable(variable: variableApi.Variable | undefined): { name: string; value: string; secret: boolean } {
  if (variable === undefined) throw invalidVariable("variable is missing");
  const name = parseVariableName(variable.name);
  if (RESERVED.test(name)) throw invalidVariable(`names that start with ${name.split("_")[0]}_ are the platform's own`);
  if (variable.value.includes("\0")) throw invalidVariable("a value must not contain NUL");
  if (Buffer.byteLength(variable.value) > VALUE_BYTES_MAX) throw invalidVariable("a value has at most 64 KiB");
  return { name, value: variable.value, secret: variable.secret };
}

function invalidVariable(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_VARIABLE", message);
}

function toVariable(record: ListedVariable): variableApi.Variable {
  return {
    name: `variables/${record.name}`,
    value: record.secret ? "" : (record.value ?? ""),
    secret: record.secret,
    updateTime: new Date(record.updateTimeMs),
  };
}
