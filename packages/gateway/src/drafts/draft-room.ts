import type { GatewaySettings } from "@millrace/config";
import type { workflowApi } from "@millrace/protocol";
import type { DraftRecord, Store, VersionBody } from "@millrace/store";
import type { ReaderGate } from "../api/reader-gate.ts";
import type { RunLogs } from "../api/run-logs.ts";
import { RunValues } from "../api/run-values.ts";
import type { CallHandler } from "../calls/host-calls.ts";
import { testCalls } from "../calls/test-calls.ts";
import type { Deployed, Deployer } from "../deploy/deployer.ts";
import type { SourceCheck } from "../deploy/source-check.ts";
import type { Payloads } from "../payloads/payloads.ts";
import type { SubmitOrigin } from "../runs/build-submit.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import { DraftCheck } from "./draft-check.ts";
import { DraftDesk } from "./draft-desk.ts";
import { DraftService } from "./draft-service.ts";
import { DraftTester } from "./draft-tester.ts";
import type { TestAddresses } from "./test-address.ts";
import { VersionService } from "./version-service.ts";

/** A run saves as much of `/tmp`, unless its runner is told otherwise. */
const TMP_BYTES_MAX = 64 * 1024 * 1024;

export interface DraftRoomParts {
  readonly settings: GatewaySettings;
  readonly store: Store;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly deployer: Deployer;
  readonly check: SourceCheck;
  readonly toWorkflow: (deployed: Deployed) => workflowApi.Workflow;
  readonly desk: RunDesk;
  readonly logs: RunLogs;
  readonly payloads: Payloads;
  readonly origin: SubmitOrigin;
  readonly gate: ReaderGate;
  readonly addresses: TestAddresses;
  readonly publicUrl: () => string;
}

/** Drafts, their tests, and versions. */
export interface DraftRoom {
  readonly drafts: DraftService;
  readonly versions: VersionService;
}

/** What tests of drafts ask for while they run. */
export function draftCalls(store: Store, payloads: Payloads): Record<string, CallHandler> {
  const { drafts, runs, objects } = store;
  return testCalls({ drafts, runs, objects, payloads, tmpBytesMax: TMP_BYTES_MAX });
}

/** Wires what knows of drafts. */
export function openDraftRoom(parts: DraftRoomParts): DraftRoom {
  const { settings, store, versions, deployer, check, toWorkflow, gate } = parts;
  const { drafts, workflows, runs, objects } = store;
  const { addresses, publicUrl } = parts;
  const testUrl = (draft: DraftRecord) => `${publicUrl()}/t/${addresses.endpointOf(draft)}`;
  const desk = new DraftDesk({ workflows, drafts, versions, testUrl });
  const { desk: runDesk, logs, origin, payloads } = parts;
  const tester = new DraftTester({
    ...{ drafts, runs, objects, versions, deployer, logs, origin },
    desk: runDesk,
    values: new RunValues(payloads),
  });
  const packageUrlsAllowed = settings.packageUrls === "allowed";
  const draftCheck = new DraftCheck({ versions, check, drafts, packageUrlsAllowed });
  return {
    drafts: new DraftService({ desk, drafts, versions, deployer, toWorkflow, check: draftCheck, tester, gate }),
    versions: new VersionService({ workflows, versions, desk, deployer, toWorkflow }),
  };
}
