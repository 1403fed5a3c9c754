import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decisionFolder, decisionIndex } from "./lib/decision-index.mjs";

// Part of "npm run generate": writes the index of docs/adr.
writeFileSync(join(decisionFolder, "README.md"), decisionIndex());
