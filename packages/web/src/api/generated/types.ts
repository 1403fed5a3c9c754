// Made by "npm run generate" from the API's OpenAPI document.

/** Response of ListApps. */
export interface ListAppsResponse {
  /** All of them; there are few. */
  readonly apps?: readonly App[];
}

/** A service that accounts can be of. */
export interface App {
  /** `apps/<app>`; the app is lower-case letters, digits and `_`, a letter first, at most 64. */
  readonly name?: string;
  /** For people. */
  readonly title?: string;
  /** How its accounts are connected. */
  readonly auth?: AppAuth;
  /** Fields that an account of it has when it is connected with fields. */
  readonly fields?: readonly AppField[];
  /** Scopes that are asked for by default. */
  readonly scopes?: readonly string[];
  /** True when it is the project's own. Output only. */
  readonly custom?: boolean;
  /** True when the project has an OAuth client for it. Output only. */
  readonly clientSet?: boolean;
  /** Where the provider gives out clients or keys, for people; empty when unknown. */
  readonly setupUrl?: string;
  /** What has to be entered there as the redirect address of this house; empty where none is needed. Output only. */
  readonly redirectUri?: string;
}

/** Ways to connect an account. - `APP_AUTH_UNSPECIFIED`: Not said. - `APP_AUTH_KEY`: With fields that a person has, such as an API key. - `APP_AUTH_OAUTH`: OAuth 2: a person allows it at the provider (authorization code with PKCE). - `APP_AUTH_CLIENT_CREDENTIALS`: OAuth 2: the client itself is allowed (client credentials). */
export type AppAuth = "APP_AUTH_UNSPECIFIED" | "APP_AUTH_KEY" | "APP_AUTH_OAUTH" | "APP_AUTH_CLIENT_CREDENTIALS";

/** A field of an app's accounts. */
export interface AppField {
  /** Key below `$auth`. */
  readonly name?: string;
  /** For people. */
  readonly title?: string;
  /** True when logs mask its values. */
  readonly secret?: boolean;
  /** True when an account may leave it out. */
  readonly optional?: boolean;
}

/** Request of SetApp. */
export interface SetAppRequest {
  /** The definition as JSON, in the form of docs/guides/environment-and-accounts.md; its `name` says which app it is. */
  readonly definitionJson?: string;
}

/** Request of CreateAccount. */
export interface CreateAccountRequest {
  /** `accounts/<name>`. */
  readonly name?: string;
  /** `apps/<app>`; for fields of something that is no known app, leave it at `apps/custom`. */
  readonly app?: string;
  /** Fields to connect it with, at most 32; none for OAuth. */
  readonly fields?: readonly AccountField[];
  /** Scopes to ask for instead of the app's own. */
  readonly scopes?: readonly string[];
}

/** A field with its value. */
export interface AccountField {
  /** Key below `$auth`: a letter or `_`, then letters, digits and `_`, at most 64. */
  readonly name?: string;
  /** At most 64 KiB. */
  readonly value?: string;
  /** True when logs shall show it; fields that the app calls secret are masked all the same. */
  readonly plain?: boolean;
}

/** A connected account. */
export interface Account {
  /** `accounts/<name>`; the name is letters, digits, dots, underscores and hyphens, at most 64. */
  readonly name?: string;
  /** `apps/<app>`. */
  readonly app?: string;
  /** Whether it can be used. */
  readonly state?: AccountState;
  /** Why it cannot, or why the last refresh of its token failed; for people, empty when all is well. */
  readonly problem?: string;
  /** Names of its fields, as steps find them below `$auth`. */
  readonly fieldNames?: readonly string[];
  /** True when it was connected by OAuth, so that it can be authorized anew. */
  readonly oauth?: boolean;
  /** When its token stops to work; absent when it does not. It is refreshed before. */
  readonly expireTime?: string;
  /** When it was created. */
  readonly createTime?: string;
  /** When it was connected or refreshed last. */
  readonly updateTime?: string;
}

/** States of an account. - `ACCOUNT_STATE_UNSPECIFIED`: Not said. - `ACCOUNT_STATE_PENDING`: Nobody has authorized it yet. - `ACCOUNT_STATE_CONNECTED`: Steps can use it. - `ACCOUNT_STATE_DEAD`: Its provider has withdrawn it: it must be authorized anew. */
export type AccountState = "ACCOUNT_STATE_UNSPECIFIED" | "ACCOUNT_STATE_PENDING" | "ACCOUNT_STATE_CONNECTED" | "ACCOUNT_STATE_DEAD";

/** Response of AuthorizeAccount. */
export interface AuthorizeAccountResponse {
  /** A page of this house that sends a person's browser on to the provider. */
  readonly url?: string;
  /** How long it works. */
  readonly life?: string;
}

/** Response of ListAccounts. */
export interface ListAccountsResponse {
  /** One page. */
  readonly accounts?: readonly Account[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

/** Response of TestAccount. */
export interface TestAccountResponse {
  /** True when the provider accepts it, or when its app names no request to try it with and its token is good. */
  readonly ok?: boolean;
  /** For people: what the provider said, in a sentence without secrets. */
  readonly message?: string;
  /** The provider's HTTP status; 0 when it was not asked or did not answer. */
  readonly httpStatus?: number;
}

/** Response of ListApiKeys. */
export interface ListApiKeysResponse {
  /** All of them; there are few. */
  readonly apiKeys?: readonly ApiKey[];
}

/** A key to the API. */
export interface ApiKey {
  /** `apiKeys/<id>`. */
  readonly name?: string;
  /** For people. */
  readonly displayName?: string;
  /** When it was made. */
  readonly createTime?: string;
  /** When it was used last, to the minute; absent for never. */
  readonly useTime?: string;
  /** The key itself; set by CreateApiKey only. */
  readonly key?: string;
  /** True when the call was made with it. */
  readonly current?: boolean;
}

/** Request of CreateApiKey. */
export interface CreateApiKeyRequest {
  /** For people: 1 to 100 characters. */
  readonly displayName?: string;
}

/** Response of ListDataStores. */
export interface ListDataStoresResponse {
  /** One page. */
  readonly dataStores?: readonly DataStore[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

/** A data store. */
export interface DataStore {
  /** `dataStores/<store>`; the store's name is letters, digits, dots, underscores and hyphens, at most 64. */
  readonly name?: string;
  /** Records in it; for a while those that have expired are counted too. */
  readonly recordCount?: string;
  /** Bytes of keys and values. */
  readonly sizeBytes?: string;
  /** When it was made. */
  readonly createTime?: string;
}

/** Response of ListDataStoreRecords. */
export interface ListDataStoreRecordsResponse {
  /** One page. */
  readonly records?: readonly DataStoreRecord[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

/** One record of a data store. */
export interface DataStoreRecord {
  /** Its key: any text of at most 1 KiB in UTF-8. */
  readonly key?: string;
  /** Its value as JSON, at most 1 MiB. */
  readonly valueJson?: string;
  /** When it ends; absent when it stays. Output only. */
  readonly expireTime?: string;
  /** How long it lives from now on; absent when it stays. Input only. */
  readonly ttl?: string;
}

/** A piece of an export. */
export interface ExportDataStoreResponse {
  /** Bytes of text in UTF-8 behind those before. */
  readonly content?: string;
}

/** Response of ImportDataStore. */
export interface ImportDataStoreResponse {
  /** Records that were written. */
  readonly importedCount?: string;
  /** Records that had ended already. */
  readonly expiredCount?: string;
}

/** One execution of one version of a workflow. */
export interface Run {
  /** `workflows/<workflow id>/runs/<run id>`. Wherever a request names a run, `-` may stand in place of the workflow. */
  readonly name?: string;
  /** The run's id, a UUIDv7. */
  readonly id?: string;
  /** Where it is. */
  readonly state?: RunState;
  /** Why it ended early: the reason of `pd.flow.exit` or of a cancel; empty for none. */
  readonly exitReason?: string;
  /** How it failed; absent unless the state is FAILED. */
  readonly failure?: RunFailure;
  /** Every step of the version, in order; empty in lists. */
  readonly steps?: readonly StepRun[];
  /** `workflows/<workflow id>`. */
  readonly workflow?: string;
  /** The workflow's display name; empty when the workflow is deleted. */
  readonly workflowDisplayName?: string;
  /** Number of the version; 0 when the workflow is deleted. */
  readonly version?: number;
  /** Id of the version. */
  readonly versionId?: string;
  /** What started it: `http`, `api`, `replay` or `workflow`. */
  readonly triggerKind?: string;
  /** Trace of the run, 32 hex digits; the same over restarts and resumes. */
  readonly traceId?: string;
  /** The run that this one replays, as `workflows/<workflow id>/runs/<run id>`; empty for none. */
  readonly replayOf?: string;
  /** When the door took the request. */
  readonly createTime?: string;
  /** When its first step started; absent before. */
  readonly startTime?: string;
  /** When it ended; absent before. */
  readonly endTime?: string;
  /** The event, verbatim; set by GetRun only. */
  readonly eventJson?: string;
  /** Values that are left out above because they are too large; ReadRunValue sends them. */
  readonly largeValues?: readonly LargeValue[];
  /** How it is paused; absent unless the state is SUSPENDED. */
  readonly pause?: RunPause;
  /** The run that has started this one with `pd.flow.trigger`, as `workflows/<workflow id>/runs/<run id>`; empty for none. Empty in lists. */
  readonly parentRun?: string;
  /** Why it does not start; absent unless the state is PENDING and no runner can take it. Set by GetRun only. */
  readonly wait?: RunWait;
  /** Runs of the workflow with a higher one start first; by default 0. */
  readonly priority?: number;
  /** The step that a replay began at; empty for the first one, and for a run that replays none. Empty in lists. */
  readonly replayStep?: string;
}

/** States of a run and of a step run. - `RUN_STATE_UNSPECIFIED`: Not said. - `RUN_STATE_PENDING`: Accepted (a run) or not reached yet (a step). - `RUN_STATE_RUNNING`: Running. - `RUN_STATE_SUSPENDED`: Waiting for a time or a call. - `RUN_STATE_SUCCEEDED`: Ended well, `pd.flow.exit` included. - `RUN_STATE_FAILED`: Ended by a failure. - `RUN_STATE_CANCELLED`: Ended by a cancel. - `RUN_STATE_SKIPPED`: Never ran, because the run ended before it; steps only. */
export type RunState = "RUN_STATE_UNSPECIFIED" | "RUN_STATE_PENDING" | "RUN_STATE_RUNNING" | "RUN_STATE_SUSPENDED" | "RUN_STATE_SUCCEEDED" | "RUN_STATE_FAILED" | "RUN_STATE_CANCELLED" | "RUN_STATE_SKIPPED";

/** How a run failed. */
export interface RunFailure {
  /** Name of the step that failed; empty when no step is to blame. */
  readonly step?: string;
  /** Line in the step's file; 0 when unknown. */
  readonly line?: number;
  /** Type of the exception, qualified unless built in, or a stable name such as `OutOfMemory` and `StepTimeout`. */
  readonly type?: string;
  /** The exception's text, or a sentence that says what happened and which limit was reached. */
  readonly message?: string;
  /** Traceback from the first line of the author's own code on; empty when there is none. */
  readonly traceback?: string;
  /** File of the step; empty when unknown. */
  readonly file?: string;
}

/** One step within a run. */
export interface StepRun {
  /** Name that its author gave it. */
  readonly name?: string;
  /** Address within the run, such as `steps/0`. */
  readonly path?: string;
  /** Where it is. */
  readonly state?: RunState;
  /** Named exports as one JSON object; `{}` when it has none. */
  readonly exportsJson?: string;
  /** The return value as JSON; absent when it returned nothing. */
  readonly returnValueJson?: string;
  /** When its code began to run; absent before. */
  readonly startTime?: string;
  /** When its code ended; absent before. */
  readonly endTime?: string;
  /** The answer that it gave with `pd.respond`; absent for none. */
  readonly answer?: StepAnswer;
  /** Which execution of the step this is, the newest: more than 1 after `pd.flow.rerun`; 0 as long as none has ended. */
  readonly runs?: number;
  /** What ended its pause, as one JSON object: `$resume_data`, `$child`; empty when it did not pause or went on by itself. */
  readonly resumeJson?: string;
  /** The run that it ran in, as `workflows/<workflow id>/runs/<run id>`, when a replay has taken its result over; empty for a step of the run itself. Its times are those of then. */
  readonly takenOverFrom?: string;
  /** The most memory that its environment has had until its end, in bytes; 0 when that was not asked for: tests of drafts ask. */
  readonly peakMemoryBytes?: string;
  /** Its attempts that are over, in their order: the ten first and the ten newest of them. More than one when its environment, worker or runner was lost, and after `pd.flow.rerun`; none as long as its first one is under way. */
  readonly attempts?: readonly StepAttempt[];
  /** How many attempts between those are left out. */
  readonly attemptsLeftOut?: number;
  /** How it has paused the run, in its newest execution; absent when it has not. */
  readonly pause?: StepPause;
}

/** An HTTP answer given by a step. */
export interface StepAnswer {
  /** HTTP status. */
  readonly status?: number;
  /** Headers in the order given. */
  readonly headers?: readonly AnswerHeader[];
  /** The body's bytes. */
  readonly body?: string;
}

/** One header of an answer. */
export interface AnswerHeader {
  /** Name as given. */
  readonly name?: string;
  /** Value. */
  readonly value?: string;
}

/** One try of a step. */
export interface StepAttempt {
  /** From 1 within the step. */
  readonly number?: number;
  /** When it began: with its assignment to a runner, or behind the step before it; absent when nobody knows any more. */
  readonly startTime?: string;
  /** When it ended or, for one whose runner was lost, when that was last heard of. */
  readonly endTime?: string;
  /** What came of it. */
  readonly outcome?: StepAttemptOutcome;
  /** The runner that had it; known of attempts that came to nothing, and empty otherwise. */
  readonly runner?: string;
  /** The assignment of the run that it belonged to, as in `LogEntry.assignment`. */
  readonly assignment?: number;
  /** Which execution of the step it was a try of: more than 1 after `pd.flow.rerun`. */
  readonly execution?: number;
}

/** What came of a try of a step. - `STEP_ATTEMPT_OUTCOME_UNSPECIFIED`: Not said. - `STEP_ATTEMPT_OUTCOME_SUCCEEDED`: The step has ended well; its exports are in the record. - `STEP_ATTEMPT_OUTCOME_FAILED`: The step has failed, and the run with it. - `STEP_ATTEMPT_OUTCOME_ENVIRONMENT_DIED`: Its environment died, for no reason that the step could be told of. - `STEP_ATTEMPT_OUTCOME_WORKER_DIED`: The worker that it ran under died. - `STEP_ATTEMPT_OUTCOME_RUNNER_LOST`: Its runner was not heard of any more. - `STEP_ATTEMPT_OUTCOME_EXPIRED`: Its runner heard of no scheduler any more and ended it, as a concurrency limit asks for. - `STEP_ATTEMPT_OUTCOME_CANCELLED`: The run was cancelled meanwhile. */
export type StepAttemptOutcome = "STEP_ATTEMPT_OUTCOME_UNSPECIFIED" | "STEP_ATTEMPT_OUTCOME_SUCCEEDED" | "STEP_ATTEMPT_OUTCOME_FAILED" | "STEP_ATTEMPT_OUTCOME_ENVIRONMENT_DIED" | "STEP_ATTEMPT_OUTCOME_WORKER_DIED" | "STEP_ATTEMPT_OUTCOME_RUNNER_LOST" | "STEP_ATTEMPT_OUTCOME_EXPIRED" | "STEP_ATTEMPT_OUTCOME_CANCELLED";

/** A pause of a run behind a step. */
export interface StepPause {
  /** What the step has asked for. */
  readonly kind?: PauseKind;
  /** When the step had ended. */
  readonly startTime?: string;
  /** When the run was to go on by itself or, for a suspend and a wait, to be cancelled or to go on. */
  readonly wakeTime?: string;
  /** When the pause was over; absent as long as it lasts. */
  readonly endTime?: string;
}

/** Ways to pause a run. - `PAUSE_KIND_UNSPECIFIED`: Not said. - `PAUSE_KIND_DELAY`: `pd.flow.delay`. - `PAUSE_KIND_SUSPEND`: `pd.flow.suspend`. - `PAUSE_KIND_RERUN`: `pd.flow.rerun`. - `PAUSE_KIND_CHILD`: `pd.flow.trigger` with `wait`. */
export type PauseKind = "PAUSE_KIND_UNSPECIFIED" | "PAUSE_KIND_DELAY" | "PAUSE_KIND_SUSPEND" | "PAUSE_KIND_RERUN" | "PAUSE_KIND_CHILD";

/** A value that is too large to be part of a run. */
export interface LargeValue {
  /** What it is. */
  readonly kind?: RunValueKind;
  /** Address of its step, such as `steps/0`; empty for the event. */
  readonly path?: string;
  /** Its size in bytes. */
  readonly size?: string;
}

/** A value of a run. - `RUN_VALUE_KIND_UNSPECIFIED`: Not said. - `RUN_VALUE_KIND_EVENT`: The event, as JSON. - `RUN_VALUE_KIND_EXPORTS`: The exports of a step, as one JSON object. - `RUN_VALUE_KIND_RETURN_VALUE`: The return value of a step, as JSON. - `RUN_VALUE_KIND_ANSWER`: The body of the answer that a step gave. */
export type RunValueKind = "RUN_VALUE_KIND_UNSPECIFIED" | "RUN_VALUE_KIND_EVENT" | "RUN_VALUE_KIND_EXPORTS" | "RUN_VALUE_KIND_RETURN_VALUE" | "RUN_VALUE_KIND_ANSWER";

/** A run that is paused. */
export interface RunPause {
  /** When it goes on by itself or, for a suspend and a wait, when its time is over. */
  readonly wakeTime?: string;
  /** Name of the step that has paused it; empty in lists. */
  readonly step?: string;
  /** What the step has asked for; unspecified in lists. */
  readonly kind?: PauseKind;
  /** True when the run is cancelled at `wake_time`, false when it goes on; false in lists. */
  readonly cancels?: boolean;
  /** The run that it waits for, as `workflows/<workflow id>/runs/<run id>`; empty for none. */
  readonly childRun?: string;
}

/** What a run waits for. */
export interface RunWait {
  /** Stable reason: `NO_RUNNER_IN_POOL`, `NO_RUNNER_WITH_LABELS`, `NO_RUNNER_WITH_PYTHON`, `RUNNERS_STARTING`, `RUNNERS_DRAINING` or `POOL_FULL`. */
  readonly reason?: string;
  /** For people. */
  readonly message?: string;
}

/** Response of ListRuns. */
export interface ListRunsResponse {
  /** One page, without steps. */
  readonly runs?: readonly Run[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
  /** True when the search was ended for its time, with fewer runs than asked for: the next page goes on with it. */
  readonly partial?: boolean;
}

/** One message of WatchRun. */
export interface WatchRunResponse {
  /** The run as it is now, with its steps. */
  readonly run?: Run;
}

/** One message of WatchRuns. */
export interface WatchRunsResponse {
  /** Runs as they are now, without steps, each at most once; some may not have changed. */
  readonly runs?: readonly Run[];
  /** `workflows/<workflow id>/runs/<run id>` of runs that have changed and do not match the filter any more, or never did. */
  readonly left?: readonly string[];
  /** True when changes were lost, because the caller was too slow or came back too late: list again, and go on with this stream. */
  readonly relist?: boolean;
  /** Where the changes end. */
  readonly cursor?: string;
}

/** Where a log line came from. - `LOG_STREAM_UNSPECIFIED`: Not said. - `LOG_STREAM_STDOUT`: Standard output. - `LOG_STREAM_STDERR`: Standard error; `logging` and warnings arrive here. - `LOG_STREAM_ERROR`: The failure of a step; its last entry. - `LOG_STREAM_SYSTEM`: Something the platform says. */
export type LogStream = "LOG_STREAM_UNSPECIFIED" | "LOG_STREAM_STDOUT" | "LOG_STREAM_STDERR" | "LOG_STREAM_ERROR" | "LOG_STREAM_SYSTEM";

/** Response of ListRunLogs. */
export interface ListRunLogsResponse {
  /** One page. */
  readonly entries?: readonly LogEntry[];
  /** Asks for the next page, of later lines; empty after the last. */
  readonly nextPageToken?: string;
  /** Asks for the page of the lines before these; empty before the first. */
  readonly previousPageToken?: string;
}

/** One log line of a run. */
export interface LogEntry {
  /** The run, as `workflows/<workflow id>/runs/<run id>`. */
  readonly run?: string;
  /** Assignment of the run that wrote it: grows when the run goes on elsewhere. */
  readonly assignment?: number;
  /** Number of the line within the assignment, from 1. */
  readonly sequence?: string;
  /** When it was written. */
  readonly time?: string;
  /** Where it came from. */
  readonly stream?: LogStream;
  /** Address of the step that wrote it; empty when none was running. */
  readonly stepPath?: string;
  /** Name of the step that wrote it; empty when none was running or it is not known. */
  readonly step?: string;
  /** The text, without its line end. */
  readonly text?: string;
  /** How many lines were lost in this place; 0 for a real line. The text then says so, and the stream is SYSTEM. */
  readonly lostLines?: string;
}

/** One message of TailRunLogs. */
export interface TailRunLogsResponse {
  /** Lines in order. */
  readonly entries?: readonly LogEntry[];
  /** Where the lines end; for one run only. */
  readonly cursor?: string;
}

/** A piece of a log. */
export interface DownloadRunLogsResponse {
  /** Bytes of text in UTF-8 behind those before. */
  readonly content?: string;
}

/** A piece of a value. */
export interface ReadRunValueResponse {
  /** The bytes behind those before. */
  readonly content?: string;
}

/** Response of ListRunFiles. */
export interface ListRunFilesResponse {
  /** At most 100 of each kind. */
  readonly files?: readonly RunFile[];
  /** True when the run has written more. */
  readonly more?: boolean;
}

/** A file of a run. */
export interface RunFile {
  /** How it came to the run. */
  readonly origin?: RunFileOrigin;
  /** What its sender called it, empty when that was not said; of a written one `files/<path>`. */
  readonly name?: string;
  /** Bytes of the content. */
  readonly size?: string;
  /** Media type of the content. */
  readonly contentType?: string;
  /** Answers GET and HEAD, also for ranges, with the content; whoever has it can read it. */
  readonly url?: string;
  /** From then on the address is refused; absent when it lives as long as the run is kept. */
  readonly expireTime?: string;
}

/** How a file came to a run. - `RUN_FILE_ORIGIN_UNSPECIFIED`: Not said. - `RUN_FILE_ORIGIN_EVENT`: The run's event has brought it. - `RUN_FILE_ORIGIN_WRITTEN`: The run has written it to the project's files. */
export type RunFileOrigin = "RUN_FILE_ORIGIN_UNSPECIFIED" | "RUN_FILE_ORIGIN_EVENT" | "RUN_FILE_ORIGIN_WRITTEN";

/** Response of ListDeadLetters. */
export interface ListDeadLettersResponse {
  /** One page of the failed runs. */
  readonly runs?: readonly Run[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
  /** True when the search was ended for its time, with fewer than asked for: the next page goes on with it. */
  readonly partial?: boolean;
}

/** Response of ReplayDeadLetters and DiscardDeadLetters. */
export interface SettleDeadLettersResponse {
  /** What became of each, in the order of the list. */
  readonly settled?: readonly SettledDeadLetter[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
  /** Reason for which the page ended before its end, such as `QUEUE_FULL`; empty for none. Call again later with the token. */
  readonly stoppedReason?: string;
}

/** What became of one dead letter. */
export interface SettledDeadLetter {
  /** The failed run. */
  readonly run?: string;
  /** The run that replays it; empty when it was discarded or could not be replayed. */
  readonly replay?: string;
  /** Reason for which it stays on the list; empty for none. */
  readonly refusedReason?: string;
}

/** A workflow with its newest version. */
export interface Workflow {
  /** `workflows/<id>`. Wherever a request names a workflow, its display name may stand in place of the id. Output only. */
  readonly name?: string;
  /** The id: given at creation, never changed. Output only. */
  readonly id?: string;
  /** The name that its author gave it, unique in the project. */
  readonly displayName?: string;
  /** Whether triggers and calls start runs. Output only. */
  readonly state?: WorkflowState;
  /** Number of the newest version, from 1; 0 while it has none. Output only. */
  readonly version?: number;
  /** Id of the newest version (`deployment_id` in a run's context); empty while it has none. Output only. */
  readonly versionId?: string;
  /** Ways to start it. Output only. */
  readonly triggers?: readonly Trigger[];
  /** Names of the newest version's steps, in order. Output only. */
  readonly stepNames?: readonly string[];
  /** When it was created. Output only. */
  readonly createTime?: string;
  /** When its newest version was deployed; absent while it has none. Output only. */
  readonly deployTime?: string;
  /** The newest version's definition as JSON, with defaults filled in; set by GetWorkflow and DeployWorkflow only. */
  readonly definitionJson?: string;
  /** Packages of the newest version, by name; set by GetWorkflow and the deploy calls only. Output only. */
  readonly packages?: readonly Package[];
}

/** Whether a workflow starts runs. - `WORKFLOW_STATE_UNSPECIFIED`: Not said. - `WORKFLOW_STATE_ENABLED`: Triggers and calls start runs. - `WORKFLOW_STATE_DISABLED`: Triggers answer 404, calls are refused. */
export type WorkflowState = "WORKFLOW_STATE_UNSPECIFIED" | "WORKFLOW_STATE_ENABLED" | "WORKFLOW_STATE_DISABLED";

/** One way to start a workflow. */
export interface Trigger {
  /** Kind of the trigger: `http`. */
  readonly kind?: string;
  /** Address that starts it; survives redeploys and renaming. */
  readonly url?: string;
}

/** A package of a version. */
export interface Package {
  /** Its name in the registry, normalised. */
  readonly name?: string;
  /** The version that every run gets. */
  readonly version?: string;
}

/** Response of ListWorkflows. */
export interface ListWorkflowsResponse {
  /** One page, without definitions. */
  readonly workflows?: readonly Workflow[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

/** Response of ListWorkflowActivity. */
export interface ListWorkflowActivityResponse {
  /** Those of the workflows that were found, in the order of the request. */
  readonly activities?: readonly WorkflowActivity[];
}

/** How the newest runs of a workflow went. */
export interface WorkflowActivity {
  /** `workflows/<id>`. */
  readonly name?: string;
  /** Its newest runs that have ended, at most 20, newest first. */
  readonly recentRuns?: readonly RecentRun[];
  /** Runs that the numbers below are of: the newest that have ended, at most 200. */
  readonly sampleCount?: number;
  /** Of these, those that failed. */
  readonly failedCount?: number;
  /** Half of these took no longer, from their start to their end; absent without any. */
  readonly p50Duration?: string;
  /** 95 % of these took no longer; absent without any. */
  readonly p95Duration?: string;
  /** When the newest run was accepted; absent for none. */
  readonly lastRunTime?: string;
}

/** A run in a row of runs. */
export interface RecentRun {
  /** Its id. */
  readonly run?: string;
  /** How it ended: `SUCCEEDED`, `FAILED` or `CANCELLED`. */
  readonly state?: string;
  /** How long it took, from its start to its end. */
  readonly duration?: string;
}

/** Request of DeployWorkflow. */
export interface DeployWorkflowRequest {
  /** `workflows/<id>` of the workflow that gets the version; its display name must be the definition's name. Empty means the workflow of that display name, created when missing. */
  readonly name?: string;
  /** The content of `workflow.yaml` as JSON. */
  readonly definitionJson?: string;
  /** Text of each file that the definition names, by its path relative to the folder of `workflow.yaml`. Files that it does not name are refused. */
  readonly sources?: Readonly<Record<string, string>>;
  /** How long to wait for a runner to check the code; 0 means 10 s, at most 60 s. */
  readonly checkTimeout?: string;
  /** Python modules beside the steps that these may import: text by path below the folder that imports are looked up in, such as `helpers.py` or `lib/__init__.py`. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Resolve the packages to the newest versions that fit. Without it, versions of the deployed lock stay while they fit. */
  readonly upgradePackages?: boolean;
  /** How long resolving and installing packages may take; 0 means 10 min, at most 1 h. DeployWorkflow itself ends after 1 min, StreamDeployWorkflow does not. */
  readonly packageTimeout?: string;
}

/** How far a deploy is. */
export interface DeployProgress {
  /** What is being done. */
  readonly stage?: DeployStage;
  /** Packages that are downloaded. */
  readonly done?: number;
  /** Packages to have; 0 when that is not known or means nothing. */
  readonly total?: number;
  /** What the author should know, each said once. */
  readonly notes?: readonly DeployNote[];
  /** What differs in the packages from the version before; in the last message only. */
  readonly packageChanges?: readonly PackageChange[];
  /** The workflow with its new version; in the last message only. */
  readonly workflow?: Workflow;
}

/** What a deploy does. - `DEPLOY_STAGE_UNSPECIFIED`: Not said. - `DEPLOY_STAGE_CHECKING`: Looks at the code. - `DEPLOY_STAGE_RESOLVING`: Decides which packages in which versions. - `DEPLOY_STAGE_DOWNLOADING`: Fetches packages. - `DEPLOY_STAGE_INSTALLING`: Puts them in place. - `DEPLOY_STAGE_PUBLISHING`: Makes the version known to every gateway. - `DEPLOY_STAGE_DONE`: Done. */
export type DeployStage = "DEPLOY_STAGE_UNSPECIFIED" | "DEPLOY_STAGE_CHECKING" | "DEPLOY_STAGE_RESOLVING" | "DEPLOY_STAGE_DOWNLOADING" | "DEPLOY_STAGE_INSTALLING" | "DEPLOY_STAGE_PUBLISHING" | "DEPLOY_STAGE_DONE";

/** Something that an author should know about a deploy that goes on. */
export interface DeployNote {
  /** Stable reason, such as `PACKAGE_GUESSED` or `IMPORT_UNRESOLVED`. */
  readonly reason?: string;
  /** File that it is about; empty when it is none. */
  readonly file?: string;
  /** Line from 1; 0 when unknown. */
  readonly line?: number;
  /** For people. */
  readonly message?: string;
}

/** A package that differs from the version before. */
export interface PackageChange {
  /** Its name in the registry, normalised. */
  readonly name?: string;
  /** The version before; empty when it is new. */
  readonly oldVersion?: string;
  /** The version now; empty when it is gone. */
  readonly newVersion?: string;
}

/** Response of ListVersions. */
export interface ListVersionsResponse {
  /** One page. */
  readonly versions?: readonly Version[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

/** What a deploy has frozen. */
export interface Version {
  /** `workflows/<workflow id>/versions/<number>`. */
  readonly name?: string;
  /** Its number, from 1. */
  readonly number?: number;
  /** Its id (`deployment_id` in a run's context). */
  readonly id?: string;
  /** When it was deployed. */
  readonly createTime?: string;
  /** True for the newest one. */
  readonly live?: boolean;
  /** Names of its steps, in order. */
  readonly stepNames?: readonly string[];
  /** The definition as JSON, with defaults filled in; not in lists. */
  readonly definitionJson?: string;
  /** Text of each step's file, by its name; not in lists. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Text of further modules, by path; not in lists. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Its packages, by name; not in lists. */
  readonly packages?: readonly Package[];
  /** The lock with its hashes; not in lists. */
  readonly lock?: string;
  /** The Python that its packages were resolved for, such as `3.12`; empty without packages. */
  readonly pythonMinor?: string;
}

/** Response of CompareVersions. */
export interface CompareVersionsResponse {
  /** Files that differ, `workflow.json` among them, by name. */
  readonly files?: readonly FileChange[];
  /** What differs in the packages; what the draft's would be is known when it is deployed. */
  readonly packageChanges?: readonly PackageChange[];
}

/** A file that differs. */
export interface FileChange {
  /** Its name. */
  readonly file?: string;
  /** Its text before; absent when it is new. */
  readonly oldText?: string;
  /** Its text now; absent when it is gone. */
  readonly newText?: string;
}

/** What a workflow may become. */
export interface Draft {
  /** `workflows/<workflow id>/draft`. */
  readonly name?: string;
  /** Changes with every change of the draft. Output only. */
  readonly etag?: string;
  /** The content of `workflow.yaml` as JSON, without its steps: name, triggers, requirements, settings. */
  readonly settingsJson?: string;
  /** Steps in order. */
  readonly steps?: readonly DraftStep[];
  /** Python modules beside the steps, by path. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Number of the version that it was made of, or that was deployed of it last; 0 for none. Output only. */
  readonly baseVersion?: number;
  /** Number of the newest version; where it is not `base_version`, somebody else has deployed. Output only. */
  readonly liveVersion?: number;
  /** True when it differs from `base_version`. Output only. */
  readonly changed?: boolean;
  /** Who made the newest change: `users/<name>` or `apiKeys/<id>`. Output only. */
  readonly author?: string;
  /** When that was. Output only. */
  readonly updateTime?: string;
  /** Address that takes requests to test with: nothing runs, the event is kept for WatchDraftEvents. Output only. */
  readonly testUrl?: string;
}

/** A step of a draft. */
export interface DraftStep {
  /** `workflows/<workflow id>/draft/steps/<id>`; the id stays when the step is renamed or moved. Output only. */
  readonly name?: string;
  /** Changes with every change of the step. Output only. */
  readonly etag?: string;
  /** Key of the step in `pd.steps`. */
  readonly displayName?: string;
  /** Its file, such as `fetch.py`; empty to have one made of the name. */
  readonly file?: string;
  /** Its Python code. */
  readonly code?: string;
  /** What else the definition says of it, as a JSON object: `{"inputs": {…}}`; empty for nothing. */
  readonly optionsJson?: string;
}

/** Response of ListDraftRevisions. */
export interface ListDraftRevisionsResponse {
  /** All of them; there are at most 100. */
  readonly revisions?: readonly DraftRevision[];
}

/** What a draft was. */
export interface DraftRevision {
  /** Its number. */
  readonly revision?: string;
  /** Who had made it so. */
  readonly author?: string;
  /** When. */
  readonly createTime?: string;
}

/** Response of CheckDraft. */
export interface CheckDraftResponse {
  /** Etag of the draft that was checked. */
  readonly etag?: string;
  /** What a deploy would object to; empty when it would not. */
  readonly problems?: readonly DraftProblem[];
  /** Packages that the code imports or asks for. */
  readonly packages?: readonly DraftPackage[];
}

/** A mistake in a draft. */
export interface DraftProblem {
  /** Stable reason, such as `SOURCE_INVALID`. */
  readonly reason?: string;
  /** File that it is in; empty when it is none. */
  readonly file?: string;
  /** Line from 1; 0 when unknown. */
  readonly line?: number;
  /** Column from 1; 0 when unknown. */
  readonly column?: number;
  /** Place in the definition, such as `steps[1].name`; empty when it is none. */
  readonly path?: string;
  /** For people. */
  readonly message?: string;
}

/** A package that a draft wants. */
export interface DraftPackage {
  /** What is asked of it, in the form of PEP 508. */
  readonly requirement?: string;
  /** Its name in the registry, normalised. */
  readonly package?: string;
  /** The import that means it; empty when it was asked for by name. */
  readonly importName?: string;
  /** The version in the lock that holds now, which stays while it fits; empty when a deploy decides it. */
  readonly lockedVersion?: string;
  /** True when nothing but the import's name says which package it is. */
  readonly guessed?: boolean;
  /** True when a deploy leaves it out where it cannot be had. */
  readonly optional?: boolean;
  /** File that wants it; empty for the definition. */
  readonly file?: string;
  /** Line from 1; 0 when unknown. */
  readonly line?: number;
}

/** One message of TestDraft: how far the preparation is, the run, log lines, and in the last one the result. */
export interface TestDraftResponse {
  /** How far the preparation is; unspecified in later messages. */
  readonly stage?: DeployStage;
  /** What the author should know. */
  readonly notes?: readonly DeployNote[];
  /** `workflows/<workflow id>/runs/<run>` of the test, from its start on. */
  readonly run?: string;
  /** Log lines, as they are written. */
  readonly entries?: readonly LogEntry[];
  /** The results of the steps that ran; in the last message only. */
  readonly tests?: readonly DraftTest[];
}

/** The result of a step's test. */
export interface DraftTest {
  /** `workflows/<workflow id>/draft/steps/<id>`. */
  readonly step?: string;
  /** `workflows/<workflow id>/runs/<run>`: its log is there. */
  readonly run?: string;
  /** True when the step, or one above it, is not what it was. */
  readonly stale?: boolean;
  /** What came of it: exports, return value, times and answer. */
  readonly result?: StepRun;
  /** How it failed; absent when it did not. */
  readonly failure?: RunFailure;
  /** Trace of the run. */
  readonly traceId?: string;
  /** Which handing of the run to a runner it was, from 1: more when something died. */
  readonly attempt?: number;
  /** Packages that it ran with. */
  readonly packages?: readonly Package[];
  /** When the test was started. */
  readonly createTime?: string;
}

/** A request to a draft's test address. */
export interface DraftEvent {
  /** The event as a run would get it, as JSON. */
  readonly eventJson?: string;
  /** When it came. */
  readonly createTime?: string;
  /** Its place among the others. */
  readonly cursor?: string;
}

/** Response of ListDraftTests. */
export interface ListDraftTestsResponse {
  /** The newest one of each step that was tested. */
  readonly tests?: readonly DraftTest[];
}

/** A file of the project, or a directory in a list. */
export interface File {
  /** `files/<path>`, for a directory `files/<path>/`. A path is NFC-normalised text of at most 1,024 bytes in UTF-8; its segments, separated by `/`, have 1 to 255 bytes and are not `.` or `..`; control characters and backslashes are not allowed. */
  readonly name?: string;
  /** Bytes of the content; 0 for a directory. Output only. */
  readonly size?: string;
  /** Media type of the content, such as `text/csv`; empty for a directory. */
  readonly contentType?: string;
  /** When a file of that path was made first; absent for a directory. Output only. */
  readonly createTime?: string;
  /** When the content was written last; absent for a directory. Output only. */
  readonly updateTime?: string;
  /** True for a directory in a list. Output only. */
  readonly directory?: boolean;
}

/** Response of ListFiles. */
export interface ListFilesResponse {
  /** One page. */
  readonly files?: readonly File[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

/** One piece of a download. */
export interface DownloadFileResponse {
  /** In the first message: the file that is sent. Absent in later ones. */
  readonly file?: File;
  /** The next bytes of the content. */
  readonly data?: string;
}

/** A link to a file. */
export interface FileLink {
  /** Answers GET and HEAD, also for ranges, with the content that the file has at that moment. */
  readonly url?: string;
  /** From then on the link is refused. */
  readonly expireTime?: string;
}

/** How long ended runs are kept, with their steps, logs and large values. */
export interface Retention {
  /** `workflows/<id>`; empty for the project. */
  readonly name?: string;
  /** Days behind a run's end that were set here; absent when nothing was. */
  readonly days?: number;
  /** Most ended runs of a workflow that were set here, 0 for any number; absent when nothing was. */
  readonly runs?: number;
  /** Days that hold: set here, else in `workflow.yaml`, else for the project, else for the house. Output only. */
  readonly effectiveDays?: number;
  /** Most ended runs of a workflow that hold, 0 for any number. Output only. */
  readonly effectiveRuns?: number;
}

/** Request of SetProjectRetention. */
export interface SetProjectRetentionRequest {
  /** Days behind a run's end, 1 to 3,650; absent leaves it to the house. */
  readonly days?: number;
  /** Most ended runs of each workflow, 0 for any number, at most 1,000,000; absent leaves it to the house. */
  readonly runs?: number;
}

/** What a project stores beside its runs. Sums may lag behind by seconds. */
export interface Storage {
  /** Bytes of large values, uploads, files and what runs had in `/tmp`, unfinished ones included. */
  readonly objectBytes?: string;
  /** Bytes of keys and values in data stores. */
  readonly dataStoreBytes?: string;
  /** Bytes of large results of data store writes that are remembered until their runs end. */
  readonly rememberedBytes?: string;
  /** All of it together. */
  readonly totalBytes?: string;
  /** Most bytes that may be stored; writes beyond it are refused with RESOURCE_EXHAUSTED (`STORAGE_FULL`). */
  readonly limitBytes?: string;
}

/** Request of SetStorageLimit. */
export interface SetStorageLimitRequest {
  /** Most bytes; absent leaves it to the house. */
  readonly limitBytes?: string;
}

/** A house: gateways, schedulers and runners around one database. */
export interface House {
  /** Always `house`. */
  readonly name?: string;
  /** Version of Millrace that the answering gateway runs. */
  readonly version?: string;
  /** The gateway that answers. */
  readonly gateway?: string;
  /** Address under which HTTP triggers are reached. */
  readonly publicUrl?: string;
  /** Gateways that are alive. */
  readonly gateways?: readonly GatewayStatus[];
  /** Schedulers that are alive. */
  readonly schedulers?: readonly SchedulerStatus[];
  /** Runners whose heartbeat arrived in the last 5 s. */
  readonly runners?: readonly RunnerStatus[];
  /** True when this gateway reaches NATS. */
  readonly brokerConnected?: boolean;
  /** True when this gateway reaches Postgres. */
  readonly databaseConnected?: boolean;
  /** Settings of the database that make an acknowledged run less than durable; empty when all is well. */
  readonly findings?: readonly Finding[];
}

/** A gateway that is alive. */
export interface GatewayStatus {
  /** Its name. */
  readonly gateway?: string;
  /** Generation of the definitions that it serves. */
  readonly generation?: string;
  /** When it was heard last. */
  readonly seenTime?: string;
}

/** A scheduler that is alive. */
export interface SchedulerStatus {
  /** Its name. */
  readonly scheduler?: string;
  /** Number of partitions that its lease names. */
  readonly partitionCount?: number;
}

/** A runner that is alive. */
export interface RunnerStatus {
  /** Its name. */
  readonly runner?: string;
  /** Pool that it belongs to. */
  readonly pool?: string;
  /** Room for runs in all. */
  readonly slotsTotal?: number;
  /** Room for further runs now. */
  readonly slotsFree?: number;
  /** Python minors that it has. */
  readonly pythonMinors?: readonly string[];
  /** Runs that it holds. */
  readonly runCount?: number;
  /** True when it takes no further runs: it is about to end. */
  readonly draining?: boolean;
  /** When it was heard last. */
  readonly seenTime?: string;
  /** True when it takes no runs yet: none of its workers is ready. */
  readonly starting?: boolean;
}

/** Something that is not safe. */
export interface Finding {
  /** Stable reason in capitals, such as `FSYNC_OFF`. */
  readonly reason?: string;
  /** What is wrong and what to do. */
  readonly message?: string;
}

/** Response of ListPools. */
export interface ListPoolsResponse {
  /** The pools. */
  readonly pools?: readonly Pool[];
}

/** A named set of runners. */
export interface Pool {
  /** Resource name: `pools/{pool}`. */
  readonly name?: string;
  /** Runs that wait for one of its runners, those held back by a concurrency limit included. */
  readonly waitingCount?: number;
  /** Runs that its runners have. */
  readonly runningCount?: number;
  /** Room for runs in all, at runners that take runs. */
  readonly slotCount?: number;
  /** Room that is free, at runners that take runs. */
  readonly freeSlotCount?: number;
  /** Its runners that are alive. */
  readonly runnerCount?: number;
  /** True when some scheduler did not answer, so that runs of its partitions are not counted. */
  readonly incomplete?: boolean;
  /** How long the oldest of the waiting runs has waited that have not started, among the first 256 of each workflow's queue; absent when none waits. */
  readonly oldestWait?: string;
}

/** Response of ListRunners. */
export interface ListRunnersResponse {
  /** The runners. */
  readonly runners?: readonly Runner[];
}

/** A runner that is alive. */
export interface Runner {
  /** Resource name: `pools/{pool}/runners/{runner}`. */
  readonly name?: string;
  /** Name of the runner. */
  readonly runner?: string;
  /** Pool that it belongs to. */
  readonly pool?: string;
  /** Whether it takes runs. */
  readonly state?: RunnerState;
  /** Room for runs in all. */
  readonly slotCount?: number;
  /** Room for further runs now. */
  readonly freeSlotCount?: number;
  /** Runs that it has. */
  readonly runCount?: number;
  /** Its labels. */
  readonly labels?: readonly string[];
  /** Python minors that it has. */
  readonly pythonMinors?: readonly string[];
  /** Idle warm environments by version, most recently used first; at most 64 entries. */
  readonly warmEnvironments?: readonly WarmEnvironments[];
  /** When it was heard last. */
  readonly seenTime?: string;
  /** Memory of the runner, its workers and all environments; 0 when it does not say. */
  readonly memoryBytes?: string;
  /** Steps since its start that began in an environment that had not run their version before. */
  readonly coldStartCount?: string;
}

/** Whether a runner takes runs. - `RUNNER_STATE_UNSPECIFIED`: Not said. - `RUNNER_STATE_READY`: It does. - `RUNNER_STATE_DRAINING`: It does not: it is about to end. - `RUNNER_STATE_STARTING`: It does not yet: none of its workers is ready. */
export type RunnerState = "RUNNER_STATE_UNSPECIFIED" | "RUNNER_STATE_READY" | "RUNNER_STATE_DRAINING" | "RUNNER_STATE_STARTING";

/** Warm environments of one version. */
export interface WarmEnvironments {
  /** Id of the version. */
  readonly versionId?: string;
  /** Idle environments. */
  readonly idleCount?: number;
}

/** A project. */
export interface Project {
  /** Name for people. Output only. */
  readonly displayName?: string;
  /** Address to which `pd.send.email` sends when the step names nobody; empty for none. */
  readonly emailRecipient?: string;
  /** Most waiting runs of the project; absent when the house's setting holds. */
  readonly queueLimit?: number;
}

/** Request of SetEmailRecipient. */
export interface SetEmailRecipientRequest {
  /** The address; empty for none. */
  readonly emailRecipient?: string;
}

/** Request of SetQueueLimit. */
export interface SetQueueLimitRequest {
  /** Most waiting runs, at least 1; absent leaves it to the house's setting. */
  readonly queueLimit?: number;
}

/** What a project has done so far. */
export interface FirstSteps {
  /** True when all are done or they were dismissed; the others are then not looked at. */
  readonly over?: boolean;
  /** A workflow is there. */
  readonly created?: boolean;
  /** A draft was tested. */
  readonly tested?: boolean;
  /** A workflow is deployed. */
  readonly deployed?: boolean;
  /** A request to a workflow's address has started a run. */
  readonly called?: boolean;
  /** `workflows/<workflow id>` of the newest workflow, to go on with; empty for none. */
  readonly workflow?: string;
}

/** Request of DismissFirstSteps. */
export interface DismissFirstStepsRequest {
}

/** Response of ReadSeries. */
export interface ReadSeriesResponse {
  /** Length of an interval: 10 s, 1 min, 15 min or 2 h. */
  readonly resolution?: string;
  /** Begin of the first interval, a multiple of the resolution since 1970. */
  readonly startTime?: string;
  /** End of the last interval. */
  readonly endTime?: string;
  /** What happened before this is counted; the interval that it lies in has a point for the part before it. Absent when nothing was counted yet. */
  readonly countedUntil?: string;
  /** Runs, by interval, oldest first. */
  readonly runs?: readonly RunPoint[];
  /** Runs of all intervals together, with the quantiles of all of them; its time is the begin. */
  readonly total?: RunPoint;
  /** Pools, by name, at most the 40 that had most runs: shared by all projects of the house. Empty with a filter by workflow. */
  readonly pools?: readonly PoolSeries[];
  /** Runners, by pool and name: at most the 40 that had most runs. Empty with a filter by workflow. */
  readonly runners?: readonly RunnerSeries[];
  /** Runners beyond these. */
  readonly runnersLeftOut?: number;
}

/** Runs in one interval. Tests of drafts are not counted. */
export interface RunPoint {
  /** Begin of the interval. */
  readonly time?: string;
  /** Runs that were accepted in it, by their `create_time`; those that history does not keep any more were counted while it did. */
  readonly acceptedCount?: string;
  /** Runs that ended well in it, by their `end_time`. */
  readonly succeededCount?: string;
  /** Runs that failed in it. */
  readonly failedCount?: string;
  /** Runs that were cancelled in it. */
  readonly cancelledCount?: string;
  /** From start to end, of the runs that ended in it and had started, pauses included. A quantile is read from counts in classes that are 9 % wide, so that it is off by less than 5 %, over any number of intervals. Absent without such runs. */
  readonly duration?: Quantiles;
  /** From acceptance to start, of the same runs, likewise. */
  readonly wait?: Quantiles;
}

/** Quantiles of times. */
export interface Quantiles {
  /** Half took no longer. */
  readonly p50?: string;
  /** 95 % took no longer. */
  readonly p95?: string;
  /** 99 % took no longer. */
  readonly p99?: string;
}

/** One pool over time. */
export interface PoolSeries {
  /** `pools/<pool>`. */
  readonly pool?: string;
  /** By interval, oldest first. */
  readonly points?: readonly PoolPoint[];
}

/** A pool in one interval, from what schedulers and heartbeats said every 10 s: of a number that goes up and down the mean, and the most where its name says so. */
export interface PoolPoint {
  /** Begin of the interval. */
  readonly time?: string;
  /** Runs that waited for a runner, those held back by a concurrency limit included; absent when some scheduler did not say. */
  readonly waitingCount?: number;
  /** The most of them at one time. */
  readonly waitingMax?: string;
  /** How long the oldest run had waited that had not started, at most, among the first ones of each workflow's queue; absent as `waiting_count`. */
  readonly oldestWaitMax?: string;
  /** Room for runs in all. */
  readonly slotCount?: number;
  /** Execution environments at work: each has a run. */
  readonly busyCount?: number;
  /** Idle environments that are warm for a version. */
  readonly warmCount?: number;
  /** Memory of its runners, their workers and all environments, the most at one time; what environments share counts in each. */
  readonly memoryBytesMax?: string;
  /** Steps that began in an environment that had not run their version before: a sum over the interval. */
  readonly coldStartCount?: string;
  /** Runners that were alive. */
  readonly runnerCount?: number;
}

/** One runner over time. */
export interface RunnerSeries {
  /** `pools/<pool>/runners/<runner>`. */
  readonly runner?: string;
  /** By interval, oldest first. */
  readonly points?: readonly RunnerPoint[];
}

/** A runner in one interval; as in PoolPoint. */
export interface RunnerPoint {
  /** Begin of the interval. */
  readonly time?: string;
  /** Room for runs in all. */
  readonly slotCount?: number;
  /** Execution environments at work: each has a run. */
  readonly busyCount?: number;
  /** Idle environments that are warm for a version. */
  readonly warmCount?: number;
  /** Memory of the runner, its workers and all environments, the most at one time; 0 when it does not say. */
  readonly memoryBytesMax?: string;
  /** Steps that began in an environment that had not run their version before: a sum over the interval. */
  readonly coldStartCount?: string;
}

/** Request of SignIn. */
export interface SignInRequest {
  /** Name of the user; empty with an API key. */
  readonly user?: string;
  /** Password of the user. */
  readonly password?: string;
  /** An API key in place of the two. */
  readonly apiKey?: string;
}

/** Response of SignIn and ChangePassword. */
export interface SignInResponse {
  /** The session. */
  readonly session?: Session;
  /** Its token; empty over HTTP, where it is a cookie. */
  readonly sessionToken?: string;
}

/** A session. */
export interface Session {
  /** `sessions/<id>`. */
  readonly name?: string;
  /** `users/<name>`; empty for a session that was begun with an API key. */
  readonly user?: string;
  /** When it was begun. */
  readonly createTime?: string;
  /** When it was used last, to the minute. */
  readonly useTime?: string;
  /** When it ends, unless it is used before: each use moves it on, up to a bound. */
  readonly expireTime?: string;
  /** The program that it was begun with, as that named itself. */
  readonly userAgent?: string;
  /** The address that it was begun from; empty when unknown. */
  readonly clientIp?: string;
  /** True when it is the one that asks. */
  readonly current?: boolean;
}

/** Request of SignOut. */
export interface SignOutRequest {
}

/** Who calls. */
export interface Caller {
  /** `users/<name>`; empty for an API key. */
  readonly user?: string;
  /** `apiKeys/<id>` that the call, or its session, was made with; empty for a user. */
  readonly apiKey?: string;
  /** True when the caller may administer users. */
  readonly administrator?: boolean;
  /** Name of the project for people. */
  readonly projectDisplayName?: string;
  /** The session of the call; absent for an API key itself. */
  readonly session?: Session;
  /** True when the user still has the password that it was given, and should change it. */
  readonly passwordInitial?: boolean;
}

/** Response of ListSessions. */
export interface ListSessionsResponse {
  /** All of them; a user has few. */
  readonly sessions?: readonly Session[];
}

/** Request of ChangePassword. */
export interface ChangePasswordRequest {
  /** The one that holds. */
  readonly oldPassword?: string;
  /** The one that shall hold: 10 to 1,024 characters. */
  readonly newPassword?: string;
}

/** Response of ListUses. */
export interface ListUsesResponse {
  /** One page. */
  readonly uses?: readonly WorkflowUse[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
  /** Deployed workflows of the project of which it is not known which variables they read, because a release before this one has deployed them: their next deploy finds it out. 0 for accounts and data stores. */
  readonly unknownCount?: number;
}

/** A workflow that uses something. */
export interface WorkflowUse {
  /** `workflows/<workflow id>`. */
  readonly workflow?: string;
  /** Its name, for people. */
  readonly displayName?: string;
  /** Where the live version does; empty when it does not. */
  readonly live?: readonly UsePlace[];
  /** Where the draft does, where that is not what is live; empty when it does not. */
  readonly draft?: readonly UsePlace[];
}

/** A place in a workflow that uses something. */
export interface UsePlace {
  /** Name of the step; empty for a module beside the steps. */
  readonly step?: string;
  /** Its file. */
  readonly file?: string;
  /** Line from 1; 0 for an input of the step. */
  readonly line?: number;
}

/** Response of ListUsers. */
export interface ListUsersResponse {
  /** All of them; there are few. */
  readonly users?: readonly User[];
}

/** A person who signs in. */
export interface User {
  /** `users/<name>`; the name is lower-case letters, digits, dots, underscores, hyphens and `@`, at most 64. */
  readonly name?: string;
  /** True when the user may administer users. */
  readonly administrator?: boolean;
  /** When it was created. */
  readonly createTime?: string;
  /** When it signed in last; absent for never. */
  readonly signInTime?: string;
}

/** Request of CreateUser. */
export interface CreateUserRequest {
  /** `users/<name>`. */
  readonly name?: string;
  /** 10 to 1,024 characters. */
  readonly password?: string;
  /** True when the user may administer users. */
  readonly administrator?: boolean;
}

/** One environment variable. */
export interface Variable {
  /** `variables/<NAME>`; the NAME is a letter or `_`, then letters, digits and `_`, at most 128; `MILLRACE_…` and `PIPEDREAM_…` are the platform's own. */
  readonly name?: string;
  /** The value, at most 64 KiB, without NUL; empty in answers when the variable is secret. */
  readonly value?: string;
  /** True when no answer shows the value and logs mask it. */
  readonly secret?: boolean;
  /** When it was set last. Output only. */
  readonly updateTime?: string;
}

/** Response of ListVariables. */
export interface ListVariablesResponse {
  /** One page. */
  readonly variables?: readonly Variable[];
  /** Asks for the next page; empty after the last. */
  readonly nextPageToken?: string;
}

export interface Error {
  readonly error?: Readonly<Record<string, unknown>>;
}
