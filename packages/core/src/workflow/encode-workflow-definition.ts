import { formatBytes, formatDuration } from "./quantity.ts";
import type {
  HttpTriggerDefinition,
  StepDefinition,
  WorkflowDefinition,
  WorkflowSettings,
} from "./workflow-definition.ts";

/**
 * Writes a definition as the JSON form of a `workflow.yaml` with every default spelled out. `parseWorkflowDefinition`
 * reads it back to the same definition.
 */
export function encodeWorkflowDefinition(definition: WorkflowDefinition): string {
  return JSON.stringify({
    name: definition.name,
    triggers: definition.triggers.map(encodeTrigger),
    steps: definition.steps.map(encodeStep),
    ...(definition.requirements.length > 0 && { requirements: definition.requirements }),
    ...(definition.modules.length > 0 && { modules: definition.modules }),
    settings: encodeSettings(definition.settings),
  });
}

function encodeStep({ name, python, inputs, timeoutMs }: StepDefinition): object {
  const byName = Object.fromEntries(inputs.map(({ name: input, kind, target }) => [input, { [kind]: target }]));
  return {
    ...{ name, python },
    ...(inputs.length > 0 && { inputs: byName }),
    ...(timeoutMs > 0 && { timeout: formatDuration(timeoutMs) }),
  };
}

function encodeTrigger({ event, respond, response }: HttpTriggerDefinition): object {
  if (response === undefined) return { http: { event, respond } };
  const headers = Object.fromEntries(response.headers.map(({ name, value }) => [name, value]));
  return { http: { event, respond, response: { status: response.status, headers, body: response.body } } };
}

function encodeSettings(settings: WorkflowSettings): object {
  return {
    stepTimeout: formatDuration(settings.stepTimeoutMs),
    runTimeout: formatDuration(settings.runTimeoutMs),
    memory: formatBytes(settings.memoryBytes),
    ...(settings.concurrency === 0 ? {} : { concurrency: settings.concurrency }),
    queueLimit: settings.queueLimit,
    ...(settings.priority === 0 ? {} : { priority: settings.priority }),
    pool: settings.pool,
    ...(settings.labels.length === 0 ? {} : { labels: [...settings.labels] }),
    ...(settings.tmpBytes === 0 ? {} : { tmp: formatBytes(settings.tmpBytes) }),
    ...(settings.cpuMillis === 0 ? {} : { cpu: settings.cpuMillis / 1000 }),
    ...(settings.processes === 0 ? {} : { processes: settings.processes }),
    ...(settings.logBytes === 0 ? {} : { logs: formatBytes(settings.logBytes) }),
    ...(settings.historyDays === 0 ? {} : { historyDays: settings.historyDays }),
    ...(settings.historyRuns === 0 ? {} : { historyRuns: settings.historyRuns }),
  };
}
