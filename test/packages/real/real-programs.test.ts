import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { scratchPostgres } from "@millrace/testkit";
import { watchDeploy } from "../../harness/package-deploys.ts";
import { house, useHouse, valueOf } from "../../harness/shared-house.ts";
import { TestSite } from "../../harness/test-site.ts";

useHouse();
let site: TestSite;
before(async () => {
  site = await TestSite.start();
});
after(() => site?.stop());

/** Deploys one step from its bare imports and runs it; returns what it returned. */
async function runProgram(
  name: string,
  source: string,
  event: unknown = {},
  settings: Record<string, unknown> = {},
): Promise<unknown> {
  await watchDeploy(house, { name, steps: { [name]: source }, settings: { stepTimeout: "120s", ...settings } });
  return valueOf(await house.run(name, event));
}

test("a scraper of requests and bs4", async () => {
  site.route("/page", (_, response) => response.end("<ul><li>one<li>two</ul>"));
  const source = `
import requests
from bs4 import BeautifulSoup

def handler(pd):
    page = requests.get(pd.steps["trigger"]["event"]["url"], timeout=10)
    return [item.text for item in BeautifulSoup(page.text, "html.parser").find_all("li")]
`;
  assert.deepEqual(await runProgram("scraper", source, { url: `${site.url}/page` }), ["onetwo", "two"]);
});

test("pandas and numpy over 50 MB of CSV in /tmp", async () => {
  const source = `
import os
import numpy as np
import pandas as pd_

def handler(pd):
    rows = 950_000
    values = np.arange(rows)
    with open("/tmp/large.csv", "w") as file:
        file.write("id,group,value,text\\n")
        for start in range(0, rows, 1000):
            file.write("".join(f"{i},{i % 7},{i * 1.5},{'x' * 36}\\n" for i in range(start, start + 1000)))
    size = os.path.getsize("/tmp/large.csv")
    total = 0
    for chunk in pd_.read_csv("/tmp/large.csv", chunksize=100_000):
        total += int(chunk.groupby("group")["id"].sum().sum())
    return {"size": size, "right": total == int(values.sum())}
`;
  const value = (await runProgram("table", source, {}, { memory: "768MB" })) as { size: number; right: boolean };
  assert.ok(value.size > 50_000_000, `${value.size}`);
  assert.equal(value.right, true);
});

test("sqlalchemy and psycopg2 against Postgres", async () => {
  const postgres = await scratchPostgres();
  const url = await postgres.createDatabase();
  const source = `
import psycopg2
import sqlalchemy
from sqlalchemy import create_engine, text

def handler(pd):
    url = pd.steps["trigger"]["event"]["url"]
    with psycopg2.connect(url) as plain, plain.cursor() as cursor:
        cursor.execute("CREATE TABLE things (name text)")
        cursor.execute("INSERT INTO things VALUES (%s), (%s)", ("a", "b"))
    engine = create_engine(url.replace("postgres://", "postgresql+psycopg2://"))
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM things")).scalar()
`;
  assert.equal(await runProgram("database", source, { url }), 2);
});

test("PIL resizes an uploaded image and the answer is the PNG", async () => {
  const source = `
import io
from PIL import Image

def handler(pd):
    upload = pd.files.open(pd.steps["trigger"]["event"]["body"]["image"])
    with upload.open() as file:
        small = Image.open(file).resize((8, 8))
    out = io.BytesIO()
    small.save(out, "PNG")
    pd.respond({"status": 200, "headers": {"content-type": "image/png"}, "body": out.getvalue()})
`;
  const trigger = { http: { respond: "workflow" } };
  const { workflow } = await watchDeploy(house, { name: "image", trigger, steps: { image: source } });
  const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const form = new FormData();
  form.set("image", new Blob([Buffer.from(image, "base64")], { type: "image/png" }), "pixel.png");
  const response = await fetch(workflow.triggers[0]!.url, { method: "POST", body: form });
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.headers.get("content-type"), "image/png");
  assert.equal(bytes.subarray(1, 4).toString(), "PNG");
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [8, 8]);
});

test("jinja2 and yaml", async () => {
  const source = `
import yaml
from jinja2 import Template

def handler(pd):
    return Template("Hello {{ people | join(', ') }}").render(yaml.safe_load("people: [Ada, Grace]"))
`;
  assert.equal(await runProgram("template", source), "Hello Ada, Grace");
});

test("the clients of openai and anthropic against a local server", async () => {
  const json = (body: object) => JSON.stringify(body);
  site.route("/v1/chat/completions", (_, response) => {
    const message = { role: "assistant", content: "from one" };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(json({ id: "1", object: "chat.completion", choices: [{ index: 0, finish_reason: "stop", message }] }));
  });
  site.route("/v1/messages", (_, response) => {
    const content = [{ type: "text", text: "from two" }];
    const usage = { input_tokens: 1, output_tokens: 1 };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(json({ id: "2", type: "message", role: "assistant", model: "m", content, usage }));
  });
  const source = `
import anthropic
from openai import OpenAI

def handler(pd):
    url = pd.steps["trigger"]["event"]["url"]
    messages = [{"role": "user", "content": "hi"}]
    one = OpenAI(api_key="k", base_url=url + "/v1").chat.completions.create(model="m", messages=messages)
    two = anthropic.Anthropic(api_key="k", base_url=url).messages.create(model="m", max_tokens=5, messages=messages)
    return [one.choices[0].message.content, two.content[0].text]
`;
  const value = await runProgram("models", source, { url: site.url }, { memory: "512MB" });
  assert.deepEqual(value, ["from one", "from two"]);
});

test("google.cloud.storage", async () => {
  const source = `
from google.cloud import storage
from google.auth.credentials import AnonymousCredentials

def handler(pd):
    client = storage.Client(project="p", credentials=AnonymousCredentials())
    return client.bucket("b").blob("c/d.txt").path
`;
  assert.equal(await runProgram("cloud", source, {}, { memory: "512MB" }), "/b/b/o/c%2Fd.txt");
});

test("grpc and protobuf 3.20 in user code, whatever the platform has", async () => {
  const source = `
# pipedream add-package protobuf==3.20.3
# pipedream add-package grpcio<1.60
import google.protobuf
import grpc
from google.protobuf import struct_pb2

def handler(pd):
    value = struct_pb2.Struct()
    value.update({"a": 1})
    channel = grpc.insecure_channel("127.0.0.1:9")
    channel.close()
    return [google.protobuf.__version__, value["a"] == 1, grpc.__version__.split(".")[0]]
`;
  assert.deepEqual(await runProgram("protocols", source), ["3.20.3", true, "1"]);
});

test("gevent monkey-patches everything", async () => {
  const source = `
from gevent import monkey
monkey.patch_all()
import gevent
import requests

def handler(pd):
    url = pd.steps["trigger"]["event"]["url"]
    jobs = [gevent.spawn(lambda: requests.get(url, timeout=10).status_code) for _ in range(5)]
    gevent.joinall(jobs)
    return [job.value for job in jobs]
`;
  const first = await runProgram("green", source, { url: site.url });
  assert.deepEqual(first, [200, 200, 200, 200, 200]);
  assert.deepEqual(valueOf(await house.run("green", { url: site.url })), first, "a second run is as good");
});

test("multiprocessing.Pool", async () => {
  const source = `
import multiprocessing

def square(x):
    return x * x

def handler(pd):
    with multiprocessing.Pool(2) as pool:
        return pool.map(square, range(5))
`;
  assert.deepEqual(await runProgram("pool", source), [0, 1, 4, 9, 16]);
});

test("asyncio and httpx", async () => {
  const source = `
import asyncio
import httpx

async def handler(pd):
    async with httpx.AsyncClient() as client:
        url = pd.steps["trigger"]["event"]["url"]
        answers = await asyncio.gather(*(client.get(url) for _ in range(3)))
    return [answer.status_code for answer in answers]
`;
  assert.deepEqual(await runProgram("later", source, { url: site.url }), [200, 200, 200]);
});

test("cv2", async () => {
  const source = `
import cv2
import numpy as np

def handler(pd):
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    cv2.circle(image, (32, 32), 10, (255, 255, 255), -1)
    return list(cv2.resize(image, (16, 16)).shape)
`;
  assert.deepEqual(await runProgram("vision", source, {}, { memory: "768MB" }), [16, 16, 3]);
});

test("telegram through add-package", async () => {
  const source = `
# pipedream add-package python-telegram-bot==20.7
import telegram

def handler(pd):
    return [telegram.__version__, telegram.Bot("1:a").token]
`;
  assert.deepEqual(await runProgram("messenger", source), ["20.7", "1:a"]);
});

test("a package that exists only as source", async () => {
  const source = `
import docopt

def handler(pd):
    return docopt.docopt("Usage: prog <name>", ["Ada"])["<name>"]
`;
  assert.equal(await runProgram("source", source), "Ada");
});
