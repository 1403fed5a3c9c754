import { PlatformError, type Use, type UseKind } from "@millrace/core";
import type { useApi } from "@millrace/protocol";
import type { Uses, UseTarget, WorkflowUses } from "@millrace/store";
import { DATA_STORE_NAME } from "../data-store-name.ts";
import type { ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";
import { parseAccountName, parseVariableName } from "./resource-names.ts";

const PAGE = { fallback: 50, max: 200 };

/** `millrace.api.v1.UseService`. */
export class UseService {
  readonly #uses: Uses;

  constructor(uses: Uses) {
    this.#uses = uses;
  }

  async listUses(
    { target, pageSize, pageToken }: useApi.ListUsesRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<useApi.ListUsesResponse> {
    const wanted = parseTarget(target);
    const page = await this.#uses.list(projectId, wanted, { pageSize: pageSizeOf(pageSize, PAGE), pageToken });
    const unknownCount = wanted.kind === "variable" ? await this.#uses.countUnknown(projectId) : 0;
    return { uses: page.items.map(toUse), nextPageToken: page.nextPageToken, unknownCount };
  }
}

const KINDS: Readonly<Record<string, readonly [kind: UseKind, parse: (name: string) => string]>> = {
  variables: ["variable", parseVariableName],
  accounts: ["account", parseAccountName],
  dataStores: ["store", parseDataStoreName],
};

/** Throws `INVALID_NAME`. */
function parseTarget(target: string): UseTarget {
  const collection = target.slice(0, Math.max(0, target.indexOf("/")));
  const known = Object.hasOwn(KINDS, collection) ? KINDS[collection] : undefined;
  if (known === undefined) throw invalidTarget(target);
  const [kind, parse] = known;
  return { kind, name: parse(target) };
}

function parseDataStoreName(name: string): string {
  const store = name.slice("dataStores/".length);
  if (!DATA_STORE_NAME.test(store)) throw invalidTarget(name);
  return store;
}

function invalidTarget(target: string): PlatformError {
  const forms = "variables/<NAME>, accounts/<name> or dataStores/<name>";
  return new PlatformError(
    "InvalidArgument",
    "INVALID_NAME",
    `${JSON.stringify(target.slice(0, 120))} is none of ${forms}`,
  );
}

function toUse({ workflowId, workflowName, live, draft }: WorkflowUses): useApi.WorkflowUse {
  const [places, drafted] = [live.map(toPlace), draft.map(toPlace)];
  const isSame = JSON.stringify(places) === JSON.stringify(drafted);
  return { workflow: `workflows/${workflowId}`, displayName: workflowName, live: places, draft: isSame ? [] : drafted };
}

function toPlace({ step, file, line }: Use): useApi.UsePlace {
  return { step, file, line };
}
