import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./paths.mjs";

/** The folder of the decisions, one page each, numbered. */
export const decisionFolder = join(checkout, "docs/adr");

/**
 * The index of the decisions, from their titles, states and dates.
 *
 * @returns {string} the text of its page
 */
export function decisionIndex() {
  const pages = readdirSync(decisionFolder)
    .filter((name) => /^\d{4}-.*\.md$/.test(name))
    .sort();
  const rows = pages.map((file) => {
    const text = readFileSync(join(decisionFolder, file), "utf8");
    const fact = (name) => text.match(new RegExp(`^- ${name}: (.*)$`, "m"))?.[1] ?? "";
    const title = text.match(/^# \d{4}\. (.*)$/m)?.[1] ?? file;
    return `| [${file.slice(0, 4)}](${file}) | ${title} | ${fact("Status")} | ${fact("Date")} |`;
  });
  return [
    "# Decisions",
    "",
    'Each page has its context, the decision, the alternatives with their numbers, and what follows. "npm run generate" makes',
    "this index.",
    "",
    "| no. | decision | status | date |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}
