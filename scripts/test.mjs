import { dirname, delimiter, join } from "node:path";
import { checkout, toolsFolder } from "./lib/paths.mjs";
import { say } from "./lib/progress.mjs";
import { runScript } from "./lib/run-script.mjs";
import { runSuite } from "./lib/run-suite.mjs";
import { setup } from "./lib/setup.mjs";
import { SetupError } from "./lib/setup-error.mjs";
import { suites } from "./lib/suites.mjs";

// "npm test": sets up, runs every suite that is not heavy, and counts on its last line. "npm test -- unit e2e" runs the
// suites that are named, "npm test -- --list" names them.
const named = process.argv.slice(2);

// The suites' processes end with this one.
["SIGINT", "SIGTERM", "SIGHUP"].forEach((signal) => process.on(signal, () => process.exit(130)));

await runScript(async () => {
  if (named.includes("--help") || named.includes("-h")) {
    console.log(
      "npm test             every suite that is not heavy\nnpm test -- NAME…    the suites that are named\nnpm test -- --list   their names",
    );
    return 0;
  }
  if (named.includes("--list")) {
    suites.forEach(({ name, about, heavy }) =>
      console.log(`${name.padEnd(14)} ${about}${heavy ? " (only when named)" : ""}`),
    );
    return 0;
  }
  const chosen = choose();
  const tools = await setup({ dev: true });
  const outcomes = [];
  for (const suite of chosen) {
    say(`${suite.name}: ${suite.about}`);
    outcomes.push(await runSuite(suite, tools, environment(tools)));
  }
  return summarize(outcomes);
});

function choose() {
  const unknown = named.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    throw new SetupError(`there is no suite ${unknown.join(", ")}`, 'see "npm test -- --list"');
  }
  return suites.filter(({ name, heavy }) => (named.length === 0 ? heavy !== true : named.includes(name)));
}

/** Everything that a suite starts finds the Node and the Python that set-up chose, and no settings of a house. */
function environment({ node, python }) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("MILLRACE_") || name === "MILLRACE_TOOLS",
  );
  const path = [dirname(node), dirname(python), join(checkout, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const own = {
    PATH: path,
    // Houses that tests start are not the ones that this user's commands mean.
    XDG_STATE_HOME: join(toolsFolder, "test-state"),
    NODE_COMPILE_CACHE: join(toolsFolder, "compile-cache"),
    PYTHONDONTWRITEBYTECODE: "1",
    NO_COLOR: "1",
  };
  return { ...Object.fromEntries(inherited), ...own };
}

function summarize(outcomes) {
  const sum = (field) => outcomes.reduce((total, outcome) => total + outcome[field], 0);
  const notRun = suites
    .filter(({ name }) => !outcomes.some((outcome) => outcome.name === name))
    .map(({ name }) => name);
  const skipped = outcomes.flatMap((outcome) => outcome.skipped.map((what) => `${outcome.name}: ${what}`));
  console.log("\nsuite          passed  failed  skipped   time");
  for (const { name, passed, failed, skipped: left, ms } of outcomes) {
    const cells = [passed, failed, left.length].map((value) => String(value).padStart(6)).join("  ");
    console.log(`${name.padEnd(14)} ${cells}   ${(ms / 1_000).toFixed(1).padStart(6)} s`);
  }
  skipped.forEach((what) => console.log(`skipped ${what}`));
  if (notRun.length > 0) {
    console.log(`not run: ${notRun.join(", ")} (npm test -- <name> runs one)`);
  }
  console.log(`\n${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}
