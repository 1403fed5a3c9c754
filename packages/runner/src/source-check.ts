import type { control } from "@millrace/protocol";

import type { WorkerHost } from "./worker-host/worker-host.ts";

/** Has a worker look at sources, and answers as the bus carries it. */
export async function checkSources(
  host: WorkerHost,
  request: control.CheckSourcesRequest,
): Promise<control.CheckSourcesResponse> {
  const { problems, imports, requirements, variables, pythonMinor } = await host.checkSources(request);
  return {
    problems: problems.map(({ fileName, line, column, message }) => ({ fileName, line, column, message })),
    imports,
    requirements,
    variables,
    pythonMinor,
    error: undefined,
  };
}
