// What the images' HEALTHCHECK runs: whether the process in this container is ready. Prints why when it is not.
import { get } from "node:http";

const port = process.env.MILLRACE_HEALTH_PORT ?? "9090";
const host = process.env.MILLRACE_HEALTH_HOST ?? "127.0.0.1";
const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;

const request = get({ host: reachable, port, path: "/readyz", timeout: 4_000 }, (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.pipe(process.stdout);
});
request.once("timeout", () => request.destroy(new Error("no answer within 4 s")));
request.once("error", (error) => {
  process.stdout.write(`${error.message}\n`);
  process.exitCode = 1;
});
