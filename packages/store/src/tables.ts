/** The tables as kysely sees them; `migrations/` is where they are made. Times are ms since 1970, see `type-parsers.ts`. */
import type { EndState, Use } from "@millrace/core";
import type { ColumnType, Generated, JSONColumnType } from "kysely";
import type { AccountField, AccountKind, AccountState } from "./accounts/account-records.ts";
import type { VersionPackages, VersionSpec } from "./definitions/workflow-records.ts";
import type { DraftBody } from "./drafts/draft-records.ts";
import type { StepRow } from "./runs/step-detail.ts";

type GeneratedTime = ColumnType<number, Date | undefined, Date>;
type GeneratedId = Generated<string>;
/** Any JSON; written as text, since `pg` would take a JavaScript array for one of Postgres'. */
type Json<T extends object | null> = JSONColumnType<T, string, string>;

interface HouseTable {
  id: GeneratedId;
  partition_count: number;
  definitions_generation: Generated<number>;
  create_time: GeneratedTime;
}

interface ProjectTable {
  id: GeneratedId;
  name: string;
  variables_generation: Generated<number>;
  email_recipient: Generated<string | null>;
  queue_limit: Generated<number | null>;
  first_steps_over: Generated<boolean>;
  create_time: GeneratedTime;
}

interface ApiKeyTable {
  id: GeneratedId;
  project_id: string;
  name: string;
  hash: string;
  generation: number;
  create_time: GeneratedTime;
  revoke_time: ColumnType<number | null, Date | null | undefined, Date | null>;
  use_time: ColumnType<number | null, Date | null | undefined, Date | null>;
}

interface UserTable {
  id: GeneratedId;
  project_id: string;
  name: string;
  password_hash: string;
  password_initial: boolean;
  administrator: boolean;
  create_time: GeneratedTime;
  sign_in_time: ColumnType<number | null, Date | null | undefined, Date | null>;
}

interface SessionTable {
  id: GeneratedId;
  hash: string;
  project_id: string;
  user_id: string | null;
  api_key_id: string | null;
  user_agent: string;
  client_ip: string;
  create_time: GeneratedTime;
  use_time: GeneratedTime;
}

interface WorkflowTable {
  id: GeneratedId;
  project_id: string;
  name: string;
  enabled: Generated<boolean>;
  version_id: string | null;
  generation: number;
  create_time: GeneratedTime;
  delete_time: ColumnType<number | null, Date | null | undefined, Date | null>;
}

interface VersionTable {
  id: GeneratedId;
  workflow_id: string;
  number: number;
  definition: Json<object>;
  sources: Json<Record<string, string>>;
  modules: ColumnType<Record<string, string>, string | undefined, string>;
  packages: ColumnType<VersionPackages | null, string | null | undefined, string | null>;
  spec: Json<VersionSpec>;
  python_minor: string;
  history_days: Generated<number | null>;
  history_runs: Generated<number | null>;
  test_hash: Generated<string | null>;
  uses: ColumnType<readonly Use[] | null, string | null | undefined, string>;
  create_time: GeneratedTime;
}

interface DraftTable {
  id: GeneratedId;
  workflow_id: string;
  revision: Generated<number>;
  body: Json<DraftBody>;
  base_version_id: string | null;
  author: string;
  update_time: GeneratedTime;
  uses: ColumnType<readonly Use[] | null, string | null | undefined, string>;
}

interface DraftRevisionTable {
  draft_id: string;
  revision: number;
  body: Json<DraftBody>;
  author: string;
  create_time: ColumnType<number, Date, Date>;
}

interface TriggerTable {
  id: GeneratedId;
  workflow_id: string;
  name: string;
  kind: string;
  endpoint: string;
  settings: Json<object | null>;
  place: number | null;
  create_time: GeneratedTime;
}

interface VariableTable {
  project_id: string;
  name: string;
  value: string | null;
  sealed: Buffer | null;
  secret: boolean;
  update_time: ColumnType<number, Date | undefined, Date>;
}

interface AppTable {
  project_id: string;
  name: string;
  definition: ColumnType<object | null, string | null | undefined, string | null>;
  sealed_client: Buffer | null;
  update_time: ColumnType<number, Date | undefined, Date>;
}

interface AccountTable {
  id: GeneratedId;
  project_id: string;
  name: string;
  app: string;
  kind: AccountKind;
  state: AccountState;
  problem: Generated<string>;
  fields: Json<AccountField[]>;
  sealed: Buffer;
  revision: Generated<number>;
  expire_time: ColumnType<number | null, Date | null | undefined, Date | null>;
  refresh_holder: string | null;
  refresh_until: ColumnType<number | null, Date | null | undefined, Date | null>;
  create_time: GeneratedTime;
  update_time: ColumnType<number, Date | undefined, Date>;
}

interface AccountAuthorizationTable {
  state_hash: Buffer;
  account_id: string;
  sealed: Buffer;
  expire_time: ColumnType<number, Date, Date>;
}

interface RunColumns {
  id: string;
  partition: number;
  sequence: number;
  priority: number;
  project_id: string;
  workflow_id: string;
  version_id: string;
  assignment: number;
  deaths: number;
  create_time: number;
  start_time: number | null;
  event_falls_back_to_body: boolean;
  trigger_kind: string;
  trace_parent: string;
  trace_id: string;
  event: Uint8Array;
  context: Uint8Array;
}

/** Written by commits alone. */
interface RunTable extends RunColumns {
  state: "PENDING" | "RUNNING" | "SUSPENDED";
  parked: boolean;
  death_causes: string;
  steps_done: number;
  wake_time: number | null;
  wants_answer: boolean;
  wants_end: boolean;
  gateway: string;
}

/** Written by commits alone. */
interface HistoryRunTable extends RunColumns {
  day: string;
  state: EndState;
  end_time: number;
  exit_reason: string;
}

interface HistoryStepTable extends StepRow {
  day: string;
}

/** All tables that built queries use. */
export interface Tables {
  house: HouseTable;
  projects: ProjectTable;
  api_keys: ApiKeyTable;
  users: UserTable;
  sessions: SessionTable;
  workflows: WorkflowTable;
  versions: VersionTable;
  drafts: DraftTable;
  draft_revisions: DraftRevisionTable;
  triggers: TriggerTable;
  variables: VariableTable;
  apps: AppTable;
  accounts: AccountTable;
  account_authorizations: AccountAuthorizationTable;
  runs: RunTable;
  run_steps: StepRow;
  history_runs: HistoryRunTable;
  history_steps: HistoryStepTable;
}
