import { answerHeaders } from "./answer-headers.ts";
import type { HttpAnswer } from "./http-answer.ts";

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}code{background:#eee;padding:.1em .3em}</style>
<h1>Millrace</h1>
<p>This house runs Python workflows. HTTP triggers answer below <code>/t/</code>; the gRPC API stands beside this port,
at the address that <a href="/.well-known/millrace">/.well-known/millrace</a> names.</p>
<p>Make a workflow of your own: <code>npx millrace init my-workflow</code>, then <code>npx millrace deploy my-workflow</code>.
See what runs: <code>npx millrace workflows</code> and <code>npx millrace runs</code>.</p>
</html>
`;

/** The page at `/`: what this is and what to do next. */
export function startPage(): HttpAnswer {
  const headers = answerHeaders([{ name: "content-type", value: "text/html; charset=utf-8" }], undefined);
  return { status: 200, headers, body: Buffer.from(PAGE) };
}
