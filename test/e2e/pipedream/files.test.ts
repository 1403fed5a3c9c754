import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { scratchFolder } from "@millrace/testkit";

import { deploySteps, house, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";
import { TestSite } from "../../harness/test-site.ts";

useHouse({ environment: { MILLRACE_UPLOAD_LIMIT_BYTES: "8000000", MILLRACE_FILE_LIMIT_BYTES: "4000000" } });

let site: TestSite;
before(async () => {
  site = await TestSite.start();
});
after(() => site?.stop());

/** Looks like a picture as far as its first bytes go; nothing in it is text. */
function picture(size: number): Buffer {
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), randomBytes(size - 8)]);
}

function hash(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Sends a request to a step that answers with the body as it has seen it, and returns that. */
async function ask(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, { method: "POST", ...init });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return (JSON.parse(text) as { body: unknown }).body;
}

const ANSWER_BODY = `def handler(pd):
    pd.respond({"status": 200, "body": {"body": pd.steps["trigger"]["event"]["body"]}})
`;

describe("files in /tmp", () => {
  test("one step saves a file, a later one reads it, lists it, sends it as a multipart upload and deletes it", async () => {
    const run = await runSteps(
      {
        save: `def handler(pd):
    with open("/tmp/report.csv", "w") as report:
        report.write("name,count\\nmill,3\\n")
`,
        send: `import os, urllib.request
def handler(pd):
    with open("/tmp/report.csv") as report:
        text = report.read()
    listed = "report.csv" in os.listdir("/tmp")
    body = (
        "--frontier\\r\\nContent-Disposition: form-data; name=\\"file\\"; filename=\\"report.csv\\"\\r\\n"
        "Content-Type: text/csv\\r\\n\\r\\n" + text + "\\r\\n--frontier--\\r\\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=frontier"}
    request = urllib.request.Request("${site.url}/upload", body.encode(), headers)
    urllib.request.urlopen(request).read()
    os.remove("/tmp/report.csv")
    return {"text": text, "listed": listed, "left": os.path.exists("/tmp/report.csv")}
`,
      },
      {},
    );
    assert.deepEqual(valueOf(run), { text: "name,count\nmill,3\n", listed: true, left: false });
    const upload = site.requests.find(({ path }) => path === "/upload");
    assert.match(
      upload?.body ?? "",
      /filename="report\.csv"\r\nContent-Type: text\/csv\r\n\r\nname,count\nmill,3\n\r\n--frontier--/,
    );
  });

  test("a download is streamed to /tmp", async () => {
    const content = randomBytes(3_000_000);
    site.route("/large", (_request, response) => response.end(content));
    const run = await runSteps(`import hashlib, shutil, urllib.request
def handler(pd):
    with urllib.request.urlopen("${site.url}/large") as source, open("/tmp/large", "wb") as target:
        shutil.copyfileobj(source, target)
    with open("/tmp/large", "rb") as saved:
        return hashlib.file_digest(saved, "sha256").hexdigest()
`);
    assert.equal(valueOf(run), hash(content));
  });

  test("a picture read as text is a UnicodeDecodeError", async () => {
    site.route("/picture", (_request, response) => response.end(picture(100)));
    const run = await runSteps(`import urllib.request
def handler(pd):
    urllib.request.urlretrieve("${site.url}/picture", "/tmp/picture.png")
    with open("/tmp/picture.png", "r") as file:
        return file.read()
`);
    assert.equal(run.state, "FAILED");
    assert.equal(run.failure?.type, "UnicodeDecodeError");
    assert.equal(run.failure?.line, 5);
  });
});

describe("uploads to a trigger", () => {
  test("a form has its fields as values and its files as references", async () => {
    const { url } = await deploySteps(ANSWER_BODY);
    const form = new FormData();
    form.append("name", "Grüße");
    form.append("tag", "a");
    form.append("tag", "b");
    form.append("file", new Blob(["hello"], { type: "text/plain" }), "../../etc/passwd");
    form.append("many", new Blob(["1"]), "1.bin");
    form.append("many", new Blob(["22"]), "2.bin");
    const body = (await ask(url, { body: form })) as Record<string, unknown>;
    const file = body["file"] as { url: string };
    assert.deepEqual(body["file"], { url: file.url, filename: "passwd", mimetype: "text/plain", size: 5 });
    assert.deepEqual([body["name"], body["tag"]], ["Grüße", ["a", "b"]]);
    const many = body["many"] as { filename: string; size: number; mimetype: string }[];
    assert.deepEqual(
      many.map(({ filename, size, mimetype }) => [filename, size, mimetype]),
      [
        ["1.bin", 1, "application/octet-stream"],
        ["2.bin", 2, "application/octet-stream"],
      ],
    );
    const download = await fetch(file.url);
    assert.equal(await download.text(), "hello");
    assert.equal(download.headers.get("content-type"), "text/plain");
    assert.equal(download.headers.get("content-security-policy"), "sandbox");
    assert.equal(download.headers.get("x-content-type-options"), "nosniff");
  });

  test("a picture is read by its address and by pd.files, and sent back", async () => {
    const { url } = await deploySteps({
      look: `import hashlib, urllib.request
def handler(pd):
    picture = pd.steps["trigger"]["event"]["picture"]
    by_url = urllib.request.urlopen(picture["url"]).read()
    upload = pd.files.open(picture)
    by_file = upload.to_bytes()
    upload.to_file("/tmp/picture.png")
    try:
        upload.delete()
    except ValueError as error:
        refused = str(error)
    pd.export("facts", [len(by_url), by_url == by_file, upload.name, upload.size, upload.content_type, refused])
    return upload
`,
      answer: `def handler(pd):
    facts = pd.steps["look"]["facts"]
    again = pd.files.open(pd.steps["look"]["$return_value"])
    with open("/tmp/picture.png", "rb") as saved, again.open() as source:
        assert saved.read() == source.read()
    body = again.to_bytes()
    pd.respond({"status": 200, "headers": {"content-type": "image/png", "facts": str(facts[:5])}, "body": body})
`,
    });
    const content = picture(1_300_000);
    const form = new FormData();
    form.append("picture", new Blob([content as Uint8Array<ArrayBuffer>], { type: "image/png" }), "p.png");
    const response = await fetch(url, { method: "POST", body: form });
    const body = Buffer.from(await response.arrayBuffer());
    assert.equal(response.status, 200, body.toString().slice(0, 1_000));
    assert.equal(hash(body), hash(content));
    assert.equal(response.headers.get("facts"), "[1300000, True, 'p.png', 1300000, 'image/png']");
  });

  test("requests reads a file by its address, and sends one of the store as an upload to another trigger", async () => {
    const { url: receiver } = await deploySteps(ANSWER_BODY);
    const { url } = await deploySteps(`import requests
def handler(pd):
    sent = pd.steps["trigger"]["event"]["file"]
    content = requests.get(sent["url"]).content
    stored = pd.files.open("sent/" + sent["filename"]).from_bytes(content)
    with stored.open() as source:
        answer = requests.post("${receiver}", files={"again": (stored.name, source, "text/csv")}, data={"kind": "copy"})
    received = answer.json()["body"]
    again = pd.files.open(received["again"])
    received["again"].pop("url")
    pd.respond({"status": 200, "body": {"body": [received, again.to_bytes() == content]}})
`);
    const form = new FormData();
    form.append("file", new Blob(["a,b\n".repeat(200_000)], { type: "text/csv" }), "rows.csv");
    assert.deepEqual(await ask(url, { body: form }), [
      { kind: "copy", again: { filename: "rows.csv", mimetype: "text/csv", size: 800_000 } },
      true,
    ]);
  });

  test("a large binary body is a file, a small one and a text are as they were", async () => {
    const { url } = await deploySteps(ANSWER_BODY);
    const content = picture(2_500_000);
    const large = (await ask(url, {
      body: content as Uint8Array<ArrayBuffer>,
      headers: { "content-type": "image/png" },
    })) as {
      url: string;
    };
    assert.deepEqual(large, { url: large.url, filename: "", mimetype: "image/png", size: content.length });
    assert.equal(hash(Buffer.from(await (await fetch(large.url)).arrayBuffer())), hash(content));
    const small = picture(1_000);
    assert.equal(
      await ask(url, { body: small as Uint8Array<ArrayBuffer>, headers: { "content-type": "image/png" } }),
      small.toString("base64"),
    );
    const text = "x".repeat(400_000);
    assert.equal(await ask(url, { body: text, headers: { "content-type": "text/csv" } }), text);
    assert.deepEqual(
      await ask(url, { body: JSON.stringify({ text }), headers: { "content-type": "application/json" } }),
      {
        text,
      },
    );
  });

  const multipart = { "content-type": "multipart/form-data; boundary=x" };
  const part = (head: string, content: string): string =>
    `--x\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
  const bad: [string, RequestInit, number, string][] = [
    ["without a boundary", { body: "x", headers: { "content-type": "multipart/form-data" } }, 400, "MULTIPART_INVALID"],
    [
      "cut off",
      { body: part('name="f"; filename="f"', "x".repeat(2_000_000)), headers: multipart },
      400,
      "MULTIPART_INVALID",
    ],
    [
      "of thousands of parts",
      { body: part('name="a"', "1").repeat(5_000) + "--x--", headers: multipart },
      413,
      "TOO_MANY_PARTS",
    ],
    [
      "too large",
      { body: part('name="f"; filename="f"', "x".repeat(8_100_000)) + "--x--", headers: multipart },
      413,
      "BODY_TOO_LARGE",
    ],
    [
      "with a binary body that is too large",
      { body: "\0".repeat(8_100_000), headers: { "content-type": "image/png" } },
      413,
      "BODY_TOO_LARGE",
    ],
  ];
  for (const [title, init, status, reason] of bad) {
    test(`a request ${title} is refused and starts nothing`, async () => {
      const { url, displayName } = await deploySteps(ANSWER_BODY);
      const response = await fetch(url, { method: "POST", ...init });
      const { error } = (await response.json()) as { error: { reason: string } };
      assert.deepEqual([response.status, error.reason], [status, reason]);
      const runs = await house.cliJson<unknown[]>(["runs", "--workflow", displayName]);
      assert.deepEqual(runs, []);
    });
  }
});

describe("pd.files", () => {
  test("a file is written, described, read in parts, copied, listed and deleted", async () => {
    const run = await runSteps(`import hashlib
def handler(pd):
    big = bytes(range(256)) * 6000
    file = pd.files.open("reports/2026/big.bin").from_bytes(big)
    with file.open() as source:
        source.seek(1_000_000)
        middle = source.read(4)
        source.seek(-2, 2)
        end = source.read()
    with pd.files.open("reports/notes.txt").open("w") as notes:
        notes.write("Grüße\\n")
        notes.write("two\\n")
    with pd.files.open("reports/notes.txt").open("r") as notes:
        lines = notes.readlines()
    copy = pd.files.open("reports/2026/copy.bin")
    with file.open() as source:
        copy.from_stream(source, "application/x-copy")
    listed = [(entry.path, entry.is_directory()) for entry in pd.files.dir("reports")]
    below = [(entry.path, entry.size) for entry in pd.files.dir("/reports/", recursive=True)]
    file.delete()
    file.delete()
    return {
        "size": copy.size, "type": copy.content_type, "middle": list(middle), "end": list(end), "lines": lines,
        "same": copy.to_bytes() == big, "listed": listed, "below": below,
        "exists": [file.exists(), copy.exists(), pd.files.open("none").exists()],
        "type_of_notes": pd.files.open("reports/notes.txt").content_type,
        "fresh": copy.modified_at.year >= 2026,
    }
`);
    assert.deepEqual(valueOf(run), {
      size: 1_536_000,
      type: "application/x-copy",
      middle: [64, 65, 66, 67],
      end: [254, 255],
      lines: ["Grüße\n", "two\n"],
      same: true,
      listed: [
        ["reports/2026", true],
        ["reports/notes.txt", false],
      ],
      below: [
        ["reports/2026/big.bin", 1_536_000],
        ["reports/2026/copy.bin", 1_536_000],
        ["reports/notes.txt", 12],
      ],
      exists: [false, true, false],
      type_of_notes: "text/plain",
      fresh: true,
    });
  });

  test("files pass between steps, also inside lists", async () => {
    const run = await runSteps({
      write: `def handler(pd):
    with open("/tmp/a.csv", "w") as source:
        source.write("a,b\\n")
    file = pd.files.open("pass/a.csv").from_file("/tmp/a.csv")
    pd.export("files", [file, {"deep": file}])
    return file
`,
      read: `def handler(pd):
    returned = pd.steps["write"]["$return_value"]
    deep = pd.steps["write"]["files"][1]["deep"]
    path = pd.files.open(returned).to_file("/tmp/b.csv")
    with open(path) as copy:
        text = copy.read()
    return [returned["path"], returned["content_type"], text, pd.files.open_descriptor(deep).to_bytes().decode()]
`,
    });
    assert.deepEqual(valueOf(run), ["pass/a.csv", "text/csv", "a,b\n", "a,b\n"]);
  });

  test("a file is taken from an address, and shown under one", async () => {
    site.route("/logo", (_request, response) =>
      response.writeHead(200, { "content-type": "image/svg+xml" }).end("<svg/>"),
    );
    const run = await runSteps(`def handler(pd):
    return pd.files.open("logo.svg").from_url("${site.url}/logo").to_url()
`);
    const url = String(valueOf(run));
    const whole = await fetch(url);
    assert.deepEqual(
      [
        whole.status,
        await whole.text(),
        whole.headers.get("content-type"),
        whole.headers.get("content-security-policy"),
      ],
      [200, "<svg/>", "image/svg+xml", "sandbox"],
    );
    const part = await fetch(url, { headers: { range: "bytes=1-3" } });
    assert.deepEqual([part.status, await part.text(), part.headers.get("content-range")], [206, "svg", "bytes 1-3/6"]);
    const none = await fetch(url, { headers: { range: "bytes=6-" } });
    assert.deepEqual([none.status, none.headers.get("content-range")], [416, "bytes */6"]);
    const head = await fetch(url, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "6", ""]);
    const same = await fetch(url, { headers: { "if-none-match": whole.headers.get("etag") ?? "" } });
    assert.equal(same.status, 304);
    const changed = await fetch(`${url.slice(0, -4)}AAAA`);
    assert.equal(changed.status, 403);
    assert.equal(((await changed.json()) as { error: { reason: string } }).error.reason, "FILE_LINK_INVALID");
    assert.equal((await fetch(url, { method: "POST" })).status, 405);
  });

  test("a file is the body of an answer, with its type", async () => {
    const { url } = await deploySteps(`def handler(pd):
    file = pd.files.open("page.html").from_bytes(b"<p>hello</p>" * 100_000)
    pd.respond({"status": 200, "body": file})
`);
    const response = await fetch(url);
    assert.equal(response.headers.get("content-type"), "text/html");
    assert.equal(await response.text(), "<p>hello</p>".repeat(100_000));
    const { url: missing } = await deploySteps(`def handler(pd):
    pd.respond({"status": 200, "body": pd.files.open("missing.html")})
`);
    assert.equal((await fetch(missing)).status, 500);
  });

  test("what fails while a file is written leaves the file as it was", async () => {
    const run = await runSteps(`def handler(pd):
    file = pd.files.open("kept.txt").from_bytes(b"before")
    for mode, content in (("wb", b"half"), ("w", "half")):
        try:
            with file.open(mode) as target:
                target.write(content)
                raise RuntimeError("no")
        except RuntimeError:
            pass
    lost = file.open("wb")
    lost.write(b"lost")
    del lost
    return file.to_bytes().decode()
`);
    assert.equal(valueOf(run), "before");
  });

  test("what cannot be is said at the line", async () => {
    const run = await runSteps(`def handler(pd):
    said = []
    def attempt(work):
        try:
            work()
            said.append("went well")
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    attempt(lambda: pd.files.open("none.txt").to_bytes())
    attempt(lambda: pd.files.open("none.txt").size)
    attempt(lambda: pd.files.open("none.txt").to_url())
    attempt(lambda: pd.files.open("../up").from_bytes(b""))
    attempt(lambda: pd.files.open("a//b").exists())
    attempt(lambda: pd.files.open({"name": "x"}))
    attempt(lambda: pd.files.open(7))
    attempt(lambda: pd.files.open("a").open("a"))
    attempt(lambda: pd.files.open("a").from_url("file:///etc/passwd"))
    attempt(lambda: pd.files.open("a").from_bytes(b"", "no type"))
    attempt(lambda: pd.files.open({"url": "${site.url}/logo"}).to_bytes())
    attempt(lambda: pd.files.open("big").from_bytes(bytes(4_000_001)))
    return said
`);
    const said = valueOf(run) as string[];
    const expected = [
      /^FileNotFoundError: .*no such file: 'none\.txt'$/,
      /^FileNotFoundError: .*'none\.txt'$/,
      /^FileNotFoundError: .*'none\.txt'$/,
      /^ValueError: .*"\.\.\/up" is no path/,
      /^ValueError: .*a part of it is empty/,
      /^ValueError: .*has a path or a url/,
      /^TypeError: .*not int$/,
      /^ValueError: .*mode 'a'/,
      /^ValueError: .*no http or https address/,
      /^ValueError: .*no media type/,
      /^ValueError: .*no address of a file of this house/,
      /^ValueError: .*at most 4000000 bytes/,
    ];
    assert.equal(said.length, expected.length);
    for (const [index, pattern] of expected.entries()) assert.match(said[index]!, pattern);
  });
});

describe("millrace files", () => {
  test("stores, lists, shows, copies and deletes a file that steps read", async () => {
    const content = picture(700_000);
    const folder = scratchFolder();
    await writeFile(join(folder, "logo.png"), content);
    const saved = await house.cliJson<object>([
      "files",
      "put",
      join(folder, "logo.png"),
      "cli/logo.png",
      "--type",
      "image/png",
    ]);
    assert.deepEqual(
      { ...saved, createTime: "", updateTime: "" },
      {
        ...{ path: "cli/logo.png", directory: false, size: content.length, contentType: "image/png" },
        ...{ createTime: "", updateTime: "" },
      },
    );
    const run = await runSteps(`import hashlib
def handler(pd):
    return hashlib.sha256(pd.files.open("cli/logo.png").to_bytes()).hexdigest()
`);
    assert.equal(valueOf(run), hash(content));
    assert.deepEqual(await house.cliJson(["files", "list", "cli", "--recursive"]), [saved]);
    const target = join(folder, "copy.png");
    await house.cliJson(["files", "get", "cli/logo.png", target]);
    assert.equal(hash(await readFile(target)), hash(content));
    const { url } = await house.cliJson<{ url: string }>(["files", "url", "cli/logo.png", "--for", "1m"]);
    assert.equal(hash(Buffer.from(await (await fetch(url)).arrayBuffer())), hash(content));
    await house.cliJson(["files", "delete", "cli/logo.png"]);
    const gone = await house.cli(["files", "get", "cli/logo.png", target]);
    assert.deepEqual([gone.code, gone.stderr.includes("FILE_NOT_FOUND")], [3, true]);
    assert.equal(hash(await readFile(target)), hash(content));
    const refused = await house.cli(["files", "put", join(folder, "none"), "x"]);
    assert.deepEqual([refused.code, refused.stderr.includes("NO_SUCH_FILE")], [2, true]);
  });

  test("reads from stdin and writes to stdout", async () => {
    assert.equal((await house.cli(["files", "put", "-", "cli/note.txt"], { stdin: "piped" })).code, 0);
    assert.equal((await house.cli(["files", "get", "cli/note.txt", "-"])).stdout, "piped");
  });
});
