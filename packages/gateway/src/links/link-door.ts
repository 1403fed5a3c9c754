import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { coerceError, isEndState, resumePath, type messages, type RunTokenMac } from "@millrace/core";
import type { Runs } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { buildHttpEvent, type TriggerRequest } from "../http/build-event.ts";
import type { ByteBudget } from "../http/byte-budget.ts";
import { clientIpOf } from "../http/client-ip.ts";
import { platformAnswer, errorAnswer, type HttpAnswer } from "../http/http-answer.ts";
import { httpStatusOf } from "../http/http-status.ts";
import type { RequestTarget } from "../http/parse-target.ts";
import { answerPreflight, isPreflight } from "../http/preflight.ts";
import { readBody } from "../http/read-body.ts";
import { writeAnswer, writeFinalAnswer } from "../http/write-answer.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import { answerTo, askPage, EXPIRED_LINK, UNKNOWN_LINK, writeLinkAnswer, type LinkAnswer } from "./link-answers.ts";
import { readLinkToken, type LinkClaims } from "./link-token.ts";
import { looksOnly, wantsPage } from "./looks-only.ts";

/** Where links lead. */
export const LINK_PATH = "/r/";
/** Most bytes that a link takes along; they become part of the run. */
const BODY_BYTES_MAX = 512 * 1024;
/** A link may be followed before its step has ended: it is tried again this often before its caller is told. */
const EARLY_TRIES = 8;
const EARLY_PAUSE_MS = 400;

export interface LinkDoorOptions {
  readonly desk: RunDesk;
  readonly runs: Pick<Runs, "getStatus">;
  readonly mac: RunTokenMac;
  readonly publicUrl: () => string;
  readonly bodyLimitBytes: number;
  readonly budget: ByteBudget;
  readonly trustedProxies: number;
  readonly log: Logger;
}

/** `/r/<token>`: ends the pause of a run. Links are signed, expire and work once; looking at one does nothing. */
export class LinkDoor {
  readonly #options: LinkDoorOptions;

  constructor(options: LinkDoorOptions) {
    this.#options = options;
  }

  /** True for the addresses of links. */
  takes(path: string): boolean {
    return path.startsWith(LINK_PATH);
  }

  /** Handles one request to its end; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse, target: RequestTarget): Promise<void> {
    if (isPreflight(request)) return answerPreflight(request, response);
    try {
      const body = await this.#readBody(request, response);
      writeAnswer(request, response, await this.#answer(request, target, body));
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.reason === "REQUEST_ABORTED") return void response.destroy();
      if (error.kind === "Internal") this.#options.log.error("link.failed", { error });
      const answer = platformAnswer(error, httpStatusOf(error));
      if (request.complete) writeAnswer(request, response, answer);
      else writeFinalAnswer(request, response, answer);
    }
  }

  #readBody(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
    const { budget, bodyLimitBytes } = this.#options;
    let held = 0;
    response.once("close", () => budget.give(held));
    return readBody(request, Math.min(bodyLimitBytes, BODY_BYTES_MAX), (count) => {
      budget.take(count);
      held += count;
    });
  }

  async #answer(request: IncomingMessage, target: RequestTarget, body: Buffer): Promise<HttpAnswer> {
    const asPage = wantsPage(request);
    const claims = readLinkToken(target.path.slice(LINK_PATH.length), this.#options.mac);
    if (claims === undefined) return writeLinkAnswer(UNKNOWN_LINK, "", asPage);
    if (claims.expiresAtMs <= Date.now()) return writeLinkAnswer(EXPIRED_LINK, claims.runId, asPage);
    if (!["GET", "HEAD", "POST"].includes(request.method ?? "")) {
      const refusal = errorAnswer(405, "METHOD_NOT_ALLOWED", "a link is followed with GET or POST", claims.runId);
      return { ...refusal, headers: [...refusal.headers, "allow", "GET, HEAD, POST"] };
    }
    if (looksOnly(request)) return this.#look(claims);
    const answer = await this.#act(claims, this.#dataOf(request, target, body));
    return writeLinkAnswer(answer, claims.runId, asPage);
  }

  /** A page with a button, or why there is none. */
  async #look({ runId, path, action }: LinkClaims): Promise<HttpAnswer> {
    const [run] = await this.#options.runs.getStatus([runId]);
    if (run === undefined) return writeLinkAnswer(answerTo(action, "UNKNOWN"), runId, true);
    if (isEndState(run.state)) return writeLinkAnswer(answerTo(action, "ENDED", run.state), runId, true);
    const used = run.steps.some((step) => step.path === resumePath(path));
    return used ? writeLinkAnswer(answerTo(action, "OVER"), runId, true) : askPage(action);
  }

  async #act({ runId, partition, path, action }: LinkClaims, dataJson: Buffer): Promise<LinkAnswer> {
    const reason = action === "CANCEL" ? "cancelled through its link" : "";
    const request = { partition, runId, path, action, dataJson, reason, requestId: randomUUID() };
    let answer: messages.Resumed = await this.#options.desk.resume(request);
    // Copies of one request: should an earlier one still arrive, the next is told what it has done.
    for (let tries = 1; answer.outcome === "EARLY" && tries < EARLY_TRIES; tries++) {
      await sleep(EARLY_PAUSE_MS);
      answer = await this.#options.desk.resume(request);
    }
    return answerTo(action, answer.outcome, answer.state);
  }

  /** What was posted, and the request that brought it; without a body the query takes its place. */
  #dataOf(request: IncomingMessage, target: RequestTarget, body: Buffer): Buffer {
    const { publicUrl, trustedProxies } = this.#options;
    const described: TriggerRequest = {
      method: request.method ?? "GET",
      // The token is as good as the deed: nobody who reads the run gets it.
      path: LINK_PATH,
      query: target.query,
      rawHeaders: request.rawHeaders,
      contentType: request.headers["content-type"],
      body,
      clientIp: clientIpOf(request, trustedProxies),
      url: `${publicUrl()}${LINK_PATH}`,
    };
    const event = buildHttpEvent(described, "request").eventJson;
    const query = JSON.stringify(Object.fromEntries(new URLSearchParams(target.query)));
    const posted = body.length === 0 ? query : buildHttpEvent(described, "body").eventJson;
    return Buffer.from(`{"$resume_data":${posted},"$callback_request":${event}}`);
  }
}
