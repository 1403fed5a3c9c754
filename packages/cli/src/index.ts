export { ALL_RUNS } from "./commands/run-list.ts";
export { openApiClient, type ApiClient, type HouseAddress } from "./api-client.ts";
export { runDocument, stateName, type RunDocument, type StepDocument } from "./output/run-document.ts";
export { readWorkflowFolder, type WorkflowFolder } from "./workflow-folder.ts";
export { readStatus, type HouseStatus, type ProcessStatus } from "./dev/status-socket.ts";
export { RunSubmitter, type RunSubmitterOptions, type Submission } from "./run-submitter.ts";
