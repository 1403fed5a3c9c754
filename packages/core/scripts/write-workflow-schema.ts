/** Writes docs/reference/workflow.schema.json from the one place that defines it. */
import { writeFileSync } from "node:fs";
import { WORKFLOW_SCHEMA } from "../src/index.ts";

const file = new URL("../../../docs/reference/workflow.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(WORKFLOW_SCHEMA, null, 2)}\n`);
