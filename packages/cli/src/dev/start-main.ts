import { parseArgs } from "node:util";
import { coerceError } from "@millrace/core";
import { reportError } from "../output/report.ts";
import { createStyle } from "../output/style.ts";
import { dev, type ReadyHouse } from "./dev.ts";
import { getFirstAnswer } from "./first-answer.ts";

// What "npm start" and, with --once, "npm run demo" run once everything is installed.
const { values } = parseArgs({
  options: {
    once: { type: "boolean", default: false },
    data: { type: "string" },
    port: { type: "string" },
    host: { type: "string" },
    "grpc-port": { type: "string" },
    "public-url": { type: "string" },
    separate: { type: "boolean", default: false },
  },
});

let answered = false;

async function show(house: ReadyHouse): Promise<void> {
  const answer = await getFirstAnswer(house);
  answered = answer?.ok ?? true;
  if (answer !== undefined) {
    process.stdout.write(`\n${answer.text}\n\n`);
    process.stdout.write(`time to the first answer: ${secondsSinceStart(answer.answeredAtMs)} s\n`);
  }
  if (values.once) {
    house.stop();
  } else {
    process.stdout.write(howToGoOn(house));
  }
}

function secondsSinceStart(atMs: number): string {
  const startMs = Number(process.env["MILLRACE_START_MS"]) || performance.timeOrigin;
  return ((atMs - startMs) / 1_000).toFixed(1);
}

function howToGoOn(house: ReadyHouse): string {
  return `
The house stays up until Ctrl-C. Open ${house.url} in a browser
(user "admin"; its password is in ${house.passwordFile}), or go on in another terminal:
  npx millrace runs                     what ran
  npx millrace logs -f pokemon          what it prints, live
  npx millrace init hello               a workflow of your own, in the folder hello
  npx millrace deploy hello             put it live; prints its address
gRPC ${house.grpc}
`;
}

function portOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

try {
  await dev({
    data: values.data,
    port: portOf(values.port),
    grpcPort: portOf(values["grpc-port"]),
    host: values.host,
    publicUrl: values["public-url"],
    separate: values.separate,
    whenReady: show,
  });
  process.exitCode = answered || !values.once ? 0 : 1;
} catch (thrown) {
  process.exitCode = reportError(coerceError(thrown), false, createStyle(process.stderr.isTTY));
}
