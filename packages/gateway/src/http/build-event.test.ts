import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildHttpEvent, type TriggerRequest } from "./build-event.ts";
import { decodeBody, decodeLargeBody } from "./decode-body.ts";

function request(given: Partial<TriggerRequest> & { text?: string | Buffer; type?: string }): TriggerRequest {
  const { text, type, ...rest } = given;
  return {
    method: "POST",
    path: "/",
    query: "",
    rawHeaders: type === undefined ? [] : ["Content-Type", type],
    contentType: type,
    body: Buffer.from(text ?? ""),
    clientIp: "127.0.0.1",
    url: "http://house/t/e/",
    ...rest,
  };
}

function eventOf(given: Parameters<typeof request>[0]): Record<string, unknown> {
  return JSON.parse(buildHttpEvent(request(given), "request").eventJson) as Record<string, unknown>;
}

const JSON_TYPE = "application/json";

describe("buildHttpEvent", () => {
  it("hands over the whole request", () => {
    const event = eventOf({
      method: "PATCH",
      path: "/a%20b/../c",
      query: "x=1&y=a+b%26",
      rawHeaders: ["X-Thing", "One", "x-thing", "two", "Cookie", "a=1", "COOKIE", "b=2", "Content-Type", JSON_TYPE],
      contentType: JSON_TYPE,
      text: '{"name":"Bulbasaur"}',
    });
    assert.deepEqual(event, {
      method: "PATCH",
      path: "/a%20b/../c",
      query: { x: "1", y: "a b&" },
      headers: { "x-thing": "One, two", cookie: "a=1; b=2", "content-type": JSON_TYPE },
      body: { name: "Bulbasaur" },
      client_ip: "127.0.0.1",
      url: "http://house/t/e/",
    });
  });

  it("keeps the cookies, sessions and keys of the house to the house", () => {
    const cookie = "a=1; millrace_session=mrs_x;  __Host-millrace_session=mrs_y; b=2; xmillrace_session=3";
    const session = `Bearer mrs_${"A".repeat(43)}`;
    const sent = request({ rawHeaders: ["Cookie", cookie, "Cookie", "millrace_oauth=1", "Authorization", session] });
    const { headers } = JSON.parse(buildHttpEvent(sent, "request").eventJson) as { headers: Record<string, string> };
    assert.deepEqual(headers, { cookie: "a=1; b=2; xmillrace_session=3" });
  });

  it("hands over the body alone with the request beside it", () => {
    const event = buildHttpEvent(request({ type: JSON_TYPE, text: "[1, 2]", path: "/x" }), "body");
    assert.equal(event.eventJson, "[1, 2]");
    assert.equal(event.fallsBackToBody, false);
    const beside = JSON.parse(event.requestJson!) as Record<string, unknown>;
    assert.equal(beside["path"], "/x");
    assert.ok(!("body" in beside));
  });

  it("passes JSON on as it was sent", () => {
    const sent = '{ "n": 9007199254740993, "f": 1.10, "z": 1, "a": 1, "a": 2, "e": 1e400, "s": "\\ud800" }';
    const { eventJson, fallsBackToBody } = buildHttpEvent(request({ type: JSON_TYPE, text: sent }), "request");
    assert.ok(eventJson.includes(`"body":${sent},`));
    assert.equal(fallsBackToBody, true);
  });

  const bodies: [title: string, type: string | undefined, sent: string | Buffer, body: unknown, encoding?: string][] = [
    ["nothing", undefined, "", null],
    ["JSON with a charset", "application/json; charset=utf-8", '{"a":1}', { a: 1 }],
    ["a JSON dialect", "application/ld+json", '{"a":1}', { a: 1 }],
    ["JSON behind a byte order mark", JSON_TYPE, "\ufeff[1]", [1]],
    ["a bare JSON value", JSON_TYPE, "17", 17],
    ["JSON that is none", JSON_TYPE, "{oops", "{oops"],
    ["NaN, which is not JSON", JSON_TYPE, "[NaN]", "[NaN]"],
    ["JSON followed by more", JSON_TYPE, '{} ,"url":"x"', '{} ,"url":"x"'],
    ["JSON that is not UTF-8", JSON_TYPE, Buffer.from([0x22, 0xff, 0x22]), "Iv8i", "base64"],
    ["JSON without its type", undefined, '{"a":1}', '{"a":1}'],
    ["text", "text/plain", "grüße", "grüße"],
    ["text in another charset", "text/plain; charset=iso-8859-1", Buffer.from([0xe9]), "é"],
    ["text in a charset that nobody knows", "text/plain; charset=x-none", Buffer.from([0xe9]), "6Q==", "base64"],
    ["bytes", "application/octet-stream", Buffer.from([0, 255, 1]), "AP8B", "base64"],
    ["compressed JSON", JSON_TYPE, Buffer.from([0x1f, 0x8b, 8]), "H4sI", "base64"],
    ["a form", "application/x-www-form-urlencoded", "a=1&b=x+y&a=%32", { a: ["1", "2"], b: "x y" }],
    ["parts", "multipart/form-data; boundary=x", "--x--", "--x--"],
    [
      "parts that are JSON",
      "multipart/form-data",
      '{"files":{"filepath":"/etc/passwd"}}',
      '{"files":{"filepath":"/etc/passwd"}}',
    ],
  ];
  for (const [title, type, sent, body, encoding] of bodies) {
    it(`reads ${title}`, () => {
      const event = eventOf({ ...(type === undefined ? {} : { type }), text: sent });
      assert.deepEqual(event["body"], body);
      assert.equal(event["body_encoding"], encoding);
    });
  }

  it("looks keys up in JSON only", () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", undefined]) {
      const made = buildHttpEvent(request({ text: '{"a":1}', ...(type === undefined ? {} : { type }) }), "request");
      assert.equal(made.fallsBackToBody, false);
    }
  });

  it("keeps names that mean something to JavaScript as plain keys", () => {
    const { eventJson } = buildHttpEvent(
      request({
        query: "__proto__=1&constructor=2&__proto__=3",
        rawHeaders: ["__proto__", "x", "Constructor", "y"],
        type: JSON_TYPE,
        text: '{"__proto__": {"admin": true}}',
      }),
      "request",
    );
    assert.ok(eventJson.includes('"query":{"__proto__":["1","3"],"constructor":"2"}'));
    assert.ok(eventJson.includes('"headers":{"__proto__":"x","constructor":"y"}'));
    assert.ok(eventJson.includes('"body":{"__proto__": {"admin": true}}'));
    assert.equal(({} as Record<string, unknown>)["admin"], undefined);
  });

  it("stays JSON whatever the request's words are", () => {
    const nasty = '"\\\u0000\u001b[2J\u2028</script>\ud800';
    const event = eventOf({
      method: nasty,
      path: `/${nasty}`,
      rawHeaders: [nasty, nasty],
      text: nasty,
      type: "text/plain",
    });
    assert.equal(event["method"], nasty);
  });

  it("keeps the house's own keys from user code", () => {
    const key = `mr_${"a".repeat(43)}`;
    const kept = eventOf({ rawHeaders: ["Authorization", "Bearer something-else"] });
    assert.deepEqual(kept["headers"], { authorization: "Bearer something-else" });
    assert.deepEqual(eventOf({ rawHeaders: ["Authorization", `Bearer ${key}`, "X-A", "1"] })["headers"], {
      "x-a": "1",
    });
  });

  const refused: [string, string, string][] = [
    ["JSON that is nested too deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "JSON_TOO_DEEP"],
    ["a number that Python would not read", `[${"9".repeat(5000)}]`, "JSON_NUMBER_TOO_LONG"],
  ];
  for (const [title, sent, reason] of refused) {
    it(`refuses ${title}`, () => {
      assert.throws(() => eventOf({ type: JSON_TYPE, text: sent }), { reason, kind: "InvalidArgument" });
    });
  }

  it("does not take brackets and digits inside of strings for nesting and numbers", () => {
    const sent = JSON.stringify(["[".repeat(1000), "9".repeat(6000), '\\"', "\\\\", '"[{'.repeat(300)]);
    assert.deepEqual(eventOf({ type: JSON_TYPE, text: sent })["body"], JSON.parse(sent));
  });
});

describe("decodeLargeBody", () => {
  const manyFields = Array.from({ length: 20_000 }, (_, i) => `?k${i % 9_000}=%C3%A9+${i}`).join("&");
  const cases: [title: string, type: string, text: string][] = [
    ["JSON", JSON_TYPE, '{ "n": 9007199254740993, "a": 1, "a": 2 }'],
    ["JSON behind a byte order mark", JSON_TYPE, "\ufeff[1]"],
    ["JSON that is none", JSON_TYPE, "{oops"],
    ["text", "text/plain", "grüße"],
    ["text of several slices, with a pair of halves on each of their borders", "text/plain", "😀".repeat(400_000)],
    ["text of several slices, shifted by one", "text/plain", `\n${"😀".repeat(400_000)}"`],
    ["a form", "application/x-www-form-urlencoded", "?a=1&b=x+y&a=2"],
    ["a form of several slices", "application/x-www-form-urlencoded", manyFields],
    ["an empty one", "application/x-www-form-urlencoded", "&"],
  ];
  for (const [title, type, text] of cases) {
    it(`reads ${title} as it is read when it is small`, async () => {
      assert.deepEqual(await decodeLargeBody(Buffer.from(text), type), decodeBody(Buffer.from(text), type));
    });
  }

  it("leaves the event loop to others while it reads a form", async () => {
    const form = Buffer.from(manyFields.repeat(4));
    let turns = 0;
    let waiting = true;
    const count = (): void => {
      turns += 1;
      if (waiting) setImmediate(count);
    };
    setImmediate(count);
    await decodeLargeBody(form, "application/x-www-form-urlencoded");
    waiting = false;
    assert.ok(turns > 20, `${turns} turns in ${form.length} bytes`);
  });

  it("refuses a form that would be a map of millions", async () => {
    const form = Buffer.alloc(5 * 1024 ** 2, "a=1&");
    await assert.rejects(decodeLargeBody(form, "application/x-www-form-urlencoded"), { reason: "FORM_TOO_LARGE" });
  });
});
