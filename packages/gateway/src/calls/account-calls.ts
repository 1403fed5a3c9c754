import { parseWorkflowDefinition, PlatformError, type RunTokenClaims } from "@millrace/core";
import type { AccountTokens } from "../accounts/account-tokens.ts";
import type { VersionCache } from "../runs/version-cache.ts";
import type { CallHandler, HostCall } from "./host-calls.ts";

export interface AccountCallsOptions {
  readonly tokens: AccountTokens;
  readonly versions: VersionCache;
}

/** What steps may ask about accounts: the fields of those that their version names, and of no other. */
export function accountCalls({ tokens, versions }: AccountCallsOptions): Record<string, CallHandler> {
  return {
    "account.get": async (claims, call) => {
      const name = await declaredAccount(versions, claims, call);
      const { contents, fields, expireTimeMs } = await tokens.get(claims.projectId, name);
      const secret = fields.filter((field) => field.secret).map((field) => contents.fields[field.name] ?? "");
      const lifeMs = expireTimeMs === null ? null : Math.max(0, expireTimeMs - Date.now());
      return { response: { auth: contents.fields, life_ms: lifeMs }, secrets: secret };
    },
  };
}

/** The name of the account behind an input of the step that asks. */
async function declaredAccount(versions: VersionCache, claims: RunTokenClaims, call: HostCall): Promise<string> {
  const { input } = (call.request ?? {}) as { input?: unknown };
  const { definition } = await versions.get(claims.versionId);
  const { steps } = parseWorkflowDefinition(definition);
  const index = /^steps\/(\d{1,4})(?:\/runs\/\d+)?$/.exec(call.path)?.[1];
  const found = steps[Number(index ?? -1)]?.inputs.find(({ name, kind }) => kind === "account" && name === input);
  if (found !== undefined) return found.target;
  const shown = JSON.stringify(typeof input === "string" ? input.slice(0, 100) : "");
  const message = `workflow.yaml gives this step no account under inputs as ${shown}`;
  throw new PlatformError("PermissionDenied", "ACCOUNT_NOT_DECLARED", message);
}
