import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { loadTools } from "@millrace/provision";
import { TestHouse } from "../harness/test-house.ts";

const { slirp4netns, nft } = loadTools();
const missing = slirp4netns === undefined || nft === undefined ? "needs slirp4netns and nft" : false;

const LOOK = `
import socket

def attempt(address, port):
    try:
        with socket.create_connection((address, port), timeout=3):
            return "reached"
    except OSError as error:
        return type(error).__name__

def handler(pd):
    event = pd.steps["trigger"]["event"]
    with socket.create_server(("127.0.0.1", 0)) as own:
        own_loopback = attempt("127.0.0.1", own.getsockname()[1])
    return {
        "own loopback": own_loopback,
        "house": [attempt("127.0.0.1", port) for port in event["ports"]],
        "metadata": attempt("169.254.169.254", 80),
        "resolv": open("/etc/resolv.conf").read(),
    }
`;

let house: TestHouse;
before(async () => {
  if (missing === false) house = await TestHouse.start({ environment: { MILLRACE_NETWORK: "internet" } });
});
after(() => house?.stop());

test("steps of a pool with the network mode internet reach nothing of the house", { skip: missing }, async () => {
  await house.deploy({ name: "look", trigger: { http: {} }, steps: { look: LOOK } });
  const { ports } = JSON.parse(await readFile(join(house.data, "house.json"), "utf8")) as {
    ports: Record<string, number>;
  };
  const run = await house.run("look", { ports: [ports["nats"], ports["postgres"], Number(new URL(house.url).port)] });
  const found = run.steps[0]?.returnValue as Record<string, unknown>;
  assert.equal(found["own loopback"], "reached", run.failure?.message);
  assert.ok(
    (found["house"] as string[]).every((outcome) => outcome !== "reached"),
    String(found["house"]),
  );
  assert.notEqual(found["metadata"], "reached");
  assert.equal(found["resolv"], "nameserver 198.18.82.3\n");
});
