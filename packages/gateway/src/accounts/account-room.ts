import type { GatewaySettings } from "@millrace/config";
import type { Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { AccountService } from "../api/account-service.ts";
import { accountCalls } from "../calls/account-calls.ts";
import type { CallHandler } from "../calls/host-calls.ts";
import { OauthDoor } from "../http/oauth-door.ts";
import type { VersionCache } from "../runs/version-cache.ts";
import { AccountAuthorizer } from "./account-authorizer.ts";
import { AccountTokens } from "./account-tokens.ts";
import { AppDirectory } from "./app-directory.ts";
import { createProviderClient } from "./provider-client.ts";

/** What accounts need of their gateway. */
export interface AccountRoomOptions {
  readonly store: Store;
  readonly settings: GatewaySettings;
  readonly versions: VersionCache;
  readonly publicUrl: () => string;
  readonly log: Logger;
}

/** Where a gateway deals with connected accounts: for people, for their browsers, and for steps. */
export interface AccountRoom {
  readonly service: AccountService;
  readonly door: OauthDoor;
  readonly calls: Record<string, CallHandler>;
}

/** Wires the parts that accounts are made of. */
export function openAccountRoom({ store, settings, versions, publicUrl, log }: AccountRoomOptions): AccountRoom {
  const { accounts, apps } = store;
  const { providerTimeoutMs: timeoutMs, tokenFreshMs: freshMs, authorizationLifeMs: lifeMs } = settings;
  const ask = createProviderClient({ privateAddresses: settings.providerPrivateAddresses, timeoutMs });
  const directory = new AppDirectory(apps);
  const authorizer = new AccountAuthorizer({ accounts, apps: directory, ask, lifeMs, publicUrl, log });
  const tokens = new AccountTokens({ accounts, apps: directory, ask, freshMs, timeoutMs, log });
  return {
    service: new AccountService({ accounts, apps, directory, authorizer, tokens, ask }),
    door: new OauthDoor(authorizer, log),
    calls: accountCalls({ tokens, versions }),
  };
}
