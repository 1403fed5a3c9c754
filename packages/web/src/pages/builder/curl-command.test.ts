import assert from "node:assert/strict";
import { test } from "node:test";
import { CurlProblem, eventOfCurl, parseCurl } from "./curl-command.ts";

test("a plain address is a GET", () => {
  assert.deepEqual(parseCurl("curl example.org/a?b=1"), {
    method: "GET",
    url: "http://example.org/a?b=1",
    headers: [],
    body: undefined,
  });
});

test("quotes, line ends and flags are read as a shell and curl read them", () => {
  const command = `$ curl -sS --compressed -X put 'https://h.example/x' \\
    -H "X-Quote: say \\"hi\\"" -H'accept: */*' --max-time 5 \\
    -d 'it'\\''s' --data-raw @literal`;
  assert.deepEqual(parseCurl(command), {
    method: "PUT",
    url: "https://h.example/x",
    headers: [
      ["x-quote", 'say "hi"'],
      ["accept", "*/*"],
      ["content-type", "application/x-www-form-urlencoded"],
    ],
    body: "it's&@literal",
  });
});

test("what browsers copy has its escapes resolved", () => {
  const { body, method } = parseCurl(String.raw`curl 'http://a.b/' --data-raw $'{"a":"\u00e9\n\'"}'`);
  assert.deepEqual([method, body], ["POST", '{"a":"é\n\'"}']);
});

test("users, forms in addresses and JSON become what is sent", () => {
  assert.deepEqual(parseCurl("curl -u ada:pw http://a.b").headers, [["authorization", "Basic YWRhOnB3"]]);
  assert.equal(parseCurl("curl -G http://a.b --data-urlencode 'q=a b&c'").url, "http://a.b?q=a%20b%26c");
  assert.deepEqual(parseCurl("curl http://a.b --json '{}'").headers, [["content-type", "application/json"]]);
});

test("an event is what the trigger would make of the request", () => {
  const command = `curl 'http://h:1/t/abc123/orders?tag=a&tag=b&x=' -H 'Content-Type: application/json' -d '{"n": 1}'`;
  assert.deepEqual(eventOfCurl(command, "request"), {
    method: "POST",
    path: "/orders",
    query: { tag: ["a", "b"], x: "" },
    headers: { host: "h:1", "content-type": "application/json" },
    body: { n: 1 },
    client_ip: "127.0.0.1",
    url: "http://h:1/t/abc123/orders?tag=a&tag=b&x=",
  });
  assert.deepEqual(eventOfCurl("curl http://a.b -d a=1 -d b=2", "body"), { a: "1", b: "2" });
});

test("what cannot be read is said", () => {
  for (const command of [
    "wget http://a.b",
    "curl",
    "curl 'http://a.b",
    "curl http://a.b -d @file.json",
    "curl -F a=@b x.y",
  ]) {
    assert.throws(() => eventOfCurl(command, "request"), CurlProblem, command);
  }
});
