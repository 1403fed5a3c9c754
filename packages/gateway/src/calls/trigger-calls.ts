import { PlatformError } from "@millrace/core";
import type { DefinitionCache } from "../definitions/definition-cache.ts";
import { CallFields } from "./call-fields.ts";
import type { CallHandler } from "./host-calls.ts";

const NAME_BYTES_MAX = 256;

/** Looks up the workflow that a step wants to start, so that a wrong name fails at the line that names it. */
export function triggerCalls(cache: DefinitionCache): Record<string, CallHandler> {
  return {
    "trigger.find": ({ projectId }, { request }) => {
      const name = new CallFields(request).text("workflow", NAME_BYTES_MAX);
      const workflow = cache.findWorkflow(projectId, name);
      if (workflow === undefined) {
        throw new PlatformError("NotFound", "WORKFLOW_NOT_FOUND", `there is no workflow ${JSON.stringify(name)}`);
      }
      if (!workflow.enabled) {
        throw new PlatformError("FailedPrecondition", "WORKFLOW_DISABLED", `"${workflow.name}" is disabled`);
      }
      if (workflow.version === null) {
        const message = `"${workflow.name}" has no version yet; deploy one first`;
        throw new PlatformError("FailedPrecondition", "WORKFLOW_NOT_DEPLOYED", message);
      }
      return Promise.resolve({ response: { id: workflow.id, name: workflow.name } });
    },
  };
}
