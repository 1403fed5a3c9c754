import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { TestHouse } from "../harness/test-house.ts";

/** Bodies of handlers that take, break or attack, with what the person then reads in the step's failure. */
const attacks: Readonly<Record<string, readonly [body: string, message: RegExp]>> = {
  exit: ["os._exit(1)", /exited with code 1/],
  heap: ["x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))", /out of memory at \d+ MB \(limit 256 MB\)/],
  "shared memory": [
    "import mmap\nx = []\nwhile True:\n    b = mmap.mmap(-1, 1 << 20)\n    b.write(b'x' * (1 << 20))\n    x.append(b)",
    /out of memory at \d+ MB/,
  ],
  memfd: ["while True: os.write(os.memfd_create('x'), b'x' * (1 << 20))", /not implemented/],
  "fork in a loop": ["while True:\n    try: os.fork()\n    except OSError: pass", /timed out after 3 s/],
  "5 GiB to tmp": [
    "with open('/tmp/x', 'wb') as f:\n    for _ in range(5 << 10): f.write(bytes(1 << 20))",
    /No space left/,
  ],
  "sleep for ever": ["time.sleep(1e9)", /timed out after 3 s/],
  "close descriptors 0 to 20": ["os.closerange(0, 21)", /descriptor/],
  "write below proc sys": ["open('/proc/sys/kernel/core_pattern', 'w').write('x')", /Read-only|denied/],
};

describe("hostile steps in a whole house", () => {
  let house: TestHouse;

  before(async () => {
    house = await TestHouse.start();
    await house.deploy({
      name: "neighbour",
      trigger: { http: {} },
      steps: {
        work: "import os\nwarm = []\ndef handler(pd):\n    warm.append(1)\n    open('/tmp/mine', 'a').write('x')\n    return [len(warm), os.listdir('/tmp'), open('/tmp/mine').read()]\n",
      },
    });
    assert.deepEqual(await neighbour(), [1, ["mine"], "x"]);
  });
  after(() => house?.stop());

  async function neighbour(): Promise<unknown> {
    return (await house.run("neighbour")).steps[0]?.returnValue;
  }

  async function handler(
    name: string,
    body: string,
    stepTimeout = "3s",
  ): Promise<Awaited<ReturnType<TestHouse["run"]>>> {
    const indented = body.replaceAll(/^/gm, "    ");
    await house.deploy({
      name,
      trigger: { http: {} },
      steps: { work: `import os, time\ndef handler(pd):\n${indented}\n` },
      settings: { stepTimeout },
    });
    return house.run(name);
  }

  let runs = 1;
  for (const [name, [body, message]] of Object.entries(attacks)) {
    test(`${name}: ends its own step with a clear error, and the next run beside it is untouched`, async () => {
      const timeout = message.source.includes("timed out") ? "3s" : "60s";
      const run = await handler(name.replaceAll(" ", "-"), body, timeout);
      assert.equal(run.state, "FAILED");
      assert.match(run.failure?.message ?? "", message);
      runs++;
      // The same warm environment: had the attack reached it, it would start anew at 1.
      assert.deepEqual(await neighbour(), [runs, ["mine"], "x".repeat(runs)]);
    });
  }

  test("killing every pid that it sees reaches nothing but itself", async () => {
    const before = await house.processes();
    const body =
      "for p in range(1, 40000):\n    if p != os.getpid():\n        try: os.kill(p, 9)\n        except OSError: pass\nreturn sorted(int(n) for n in os.listdir('/proc') if n.isdecimal())";
    const run = await handler("kill-all", body, "60s");
    assert.deepEqual(run.steps[0]?.returnValue, [1, 2]);
    assert.deepEqual(await house.processes(), before);
  });

  test("printing without end is cut with a notice", async () => {
    const run = await handler("flood", "for n in range(20000): print('x' * 1000)", "60s");
    const lines = run.steps[0]?.logs ?? [];
    assert.ok(lines.reduce((sum, { text }) => sum + text.length, 0) < 4_000_000);
    assert.match(lines.at(-1)?.text ?? "", /lines/);
  });

  test("neither the platform's credentials nor anybody's home can be read", async () => {
    const state = await readFile(join(house.data, "house.json"), "utf8");
    const secrets = [house.apiKey, ...state.matchAll(/"([0-9a-zA-Z_-]{16,})"/g).map((match) => match[1] ?? "")];
    const paths = [house.data, homedir(), import.meta.dirname, "/home", "/etc/shadow", "/var/run", "/run"];
    const body = `
import glob, sys
secrets = ${JSON.stringify(secrets.map((secret) => [...secret].reverse().join("")))}
found = []
for name in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'):
    try: text = open(name, 'rb').read().decode(errors='replace')
    except OSError: continue
    found += [name for secret in secrets if secret[::-1] in text]
for path in ${JSON.stringify(paths)}:
    try: found += [f'{path}/{name}' for name in os.listdir(path)]
    except OSError: pass
# A Python that lies below a home drags the names of the folders above it along, and nothing else that lies in them.
return [path for path in found if not f'{sys.base_prefix}/'.startswith(f'{path}/')]`;
    const run = await handler("reader", body);
    assert.equal(run.state, "SUCCEEDED", run.failure?.message);
    assert.deepEqual(run.steps[0]?.returnValue, []);
  });

  test("what listens on loopback wants credentials that no step has", async () => {
    const { natsPort, postgresPort } = await ports(house.data);
    const body = `
import socket, struct
def talk(port, hello):
    with socket.create_connection(('127.0.0.1', port), timeout=3) as s:
        s.sendall(hello)
        s.settimeout(1)
        answer = b''
        try:
            while part := s.recv(4096): answer += part
        except OSError: pass
        return answer.decode(errors='replace')
startup = struct.pack('!I', 196608) + b'user\\0postgres\\0database\\0postgres\\0\\0'
return [talk(${natsPort}, b'CONNECT {}\\r\\nPING\\r\\n'), talk(${postgresPort}, struct.pack('!I', len(startup) + 4) + startup)]`;
    const run = await handler("loopback", body);
    const [nats, postgres] = (run.steps[0]?.returnValue ?? []) as string[];
    assert.match(nats ?? "", /Authorization Violation/);
    assert.match(postgres ?? "", /SCRAM-SHA-256|no pg_hba.conf entry/);
  });
});

/** Where the house's servers listen, by what it remembers, and checked to be so. */
async function ports(data: string): Promise<{ natsPort: number; postgresPort: number }> {
  const state = JSON.parse(await readFile(join(data, "house.json"), "utf8")) as { ports: Record<string, number> };
  const natsPort = state.ports["nats"] ?? 0;
  const postgresPort = state.ports["postgres"] ?? 0;
  for (const port of [natsPort, postgresPort]) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve();
      });
      socket.once("error", reject);
    });
  }
  return { natsPort, postgresPort };
}
