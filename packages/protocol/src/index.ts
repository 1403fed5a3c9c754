export * as fileApi from "./generated/millrace/api/v1/file_service.ts";
export * as houseApi from "./generated/millrace/api/v1/house_service.ts";
export * as runApi from "./generated/millrace/api/v1/run_service.ts";
export * as variableApi from "./generated/millrace/api/v1/variable_service.ts";
export * as workflowApi from "./generated/millrace/api/v1/workflow_service.ts";
export * as control from "./generated/millrace/control/v1/control.ts";
export * as session from "./generated/millrace/worker/v1/session.ts";
export * as step from "./generated/millrace/worker/v1/step.ts";
