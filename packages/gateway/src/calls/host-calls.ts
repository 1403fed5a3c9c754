import type { BusSubscription, Channels } from "@millrace/bus";
import { parseStepRun, PlatformError, verifyRunnersToken, type RunTokenClaims, type RunTokenMac } from "@millrace/core";
import type { control } from "@millrace/protocol";
import type { RunFence } from "../services/run-fence.ts";

/** What user code asks for. Everything in it was written by user code. */
export interface HostCall {
  /** Address of the step that asks. */
  readonly path: string;
  /** Which execution of the step by `pd.flow.rerun` this is, from 1. */
  readonly execution: number;
  /** Number of the call within this execution: the same again in a further copy, and when the step is run again. */
  readonly number: number;
  /** The arguments, as JSON had them. */
  readonly request: unknown;
  /** Data beside the arguments. */
  readonly body: Uint8Array;
}

/** What a call has brought: JSON, and data beside it. */
export interface HostAnswer {
  readonly response: unknown;
  readonly body?: Uint8Array;
  /** Texts in it that the runner keeps out of logs and errors from now on. */
  readonly secrets?: readonly string[];
}

/**
 * Answers calls of one method. The claims alone say which project, version and run asks. A call may come twice (its answer
 * was lost) and late (the run has gone elsewhere): a handler that changes something names its operation after run, path,
 * execution and number, and checks in its own transaction that the assignment is still current.
 */
export type CallHandler = (claims: RunTokenClaims, call: HostCall) => Promise<HostAnswer>;

/** What the dispatcher needs of its gateway. */
export interface HostCallsOptions {
  readonly gateway: string;
  readonly channels: Pick<Channels, "call" | "callOf">;
  readonly mac: RunTokenMac;
  readonly fence: Pick<RunFence, "assertCurrent">;
  /** Calls under way at the same time in this gateway; further ones are told to come again. */
  readonly callsMax: number;
}

/** Calls of one run under way here at the same time; no runner of ours lets more pass. */
const CALLS_OF_RUN_MAX = 32;
const REQUEST_MAX_BYTES = 256 * 1024;
const BODY_MAX_BYTES = 1024 * 1024;
const PATH_MAX = 1024;
/**
 * Methods whose effect is outside of the database, and not called for every piece of something. A body of which only the end
 * comes from an assignment that is none any more would look as if it were whole.
 */
const UNFENCED: ReadonlySet<string> = new Set(["email.send", "respond.open", "respond.end"]);

/** Dispatches what user code asks for, by the name of the method, to whoever has registered for it. */
export class HostCalls {
  readonly #options: HostCallsOptions;
  readonly #handlers = new Map<string, CallHandler>();
  /** Calls under way by run and operation: a second copy waits for what the first one brings. */
  readonly #runs = new Map<string, Map<string, Promise<HostAnswer>>>();
  #size = 0;
  #subscriptions: BusSubscription[] = [];

  constructor(options: HostCallsOptions) {
    this.#options = options;
  }

  /** Adds methods; before `start`. */
  register(handlers: Readonly<Record<string, CallHandler>>): void {
    for (const [method, handler] of Object.entries(handlers)) this.#handlers.set(method, handler);
  }

  start(): void {
    const { channels, gateway } = this.#options;
    const services = [channels.call(), channels.callOf(gateway)];
    this.#subscriptions = services.map((service) =>
      service.serve((request, { runner }) => this.answer(request, runner)),
    );
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** Answers one call; a refusal is thrown. */
  async answer(message: control.CallRequest, runner: string): Promise<control.CallResponse> {
    const claims = verifyRunnersToken(message.runToken, runner, this.#options.mac, Date.now());
    const { response, body = new Uint8Array(0), secrets = [] } = await this.#once(claims, message);
    const responseJson = Buffer.from(JSON.stringify(response) ?? "null");
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { responseJson, body: bytes, error: undefined, secrets: [...secrets] };
  }

  #once(claims: RunTokenClaims, message: control.CallRequest): Promise<HostAnswer> {
    const handler = this.#handlers.get(message.method);
    if (handler === undefined) {
      const text = `The platform has nothing called ${message.method.slice(0, 100)}`;
      throw new PlatformError("NotFound", "METHOD_NOT_FOUND", text);
    }
    const call = readCall(message);
    const run = this.#runs.get(claims.runId) ?? new Map<string, Promise<HostAnswer>>();
    const operation = `${claims.assignment} ${call.path} ${call.execution} ${call.number}`;
    const underWay = run.get(operation);
    if (underWay !== undefined) return underWay;
    this.#admit(run.size);
    const answer = this.#fenced(handler, claims, call, message.method).finally(() =>
      this.#leave(claims.runId, run, operation),
    );
    run.set(operation, answer);
    this.#runs.set(claims.runId, run);
    this.#size++;
    return answer;
  }

  /** What has an effect that no transaction fences is asked about at once, everything else about once a second. */
  async #fenced(handler: CallHandler, claims: RunTokenClaims, call: HostCall, method: string): Promise<HostAnswer> {
    await this.#options.fence.assertCurrent(claims, UNFENCED.has(method));
    return handler(claims, call);
  }

  #admit(ofRun: number): void {
    if (ofRun < CALLS_OF_RUN_MAX && this.#size < this.#options.callsMax) return;
    throw new PlatformError("Unavailable", "TOO_MANY_CALLS", "The gateway has too many calls under way");
  }

  #leave(runId: string, run: Map<string, Promise<HostAnswer>>, operation: string): void {
    this.#size--;
    run.delete(operation);
    if (run.size === 0) this.#runs.delete(runId);
  }
}

/** Which execution it is says the address, which the worker gives: user code has no say in what its writes are known by. */
function readCall({ path, number, requestJson, body }: control.CallRequest): HostCall {
  const { byteLength } = requestJson;
  if (byteLength > REQUEST_MAX_BYTES || body.byteLength > BODY_MAX_BYTES || path.length > PATH_MAX) {
    throw new PlatformError("InvalidArgument", "CALL_TOO_LARGE", "The call is larger than calls may be");
  }
  const { runs: execution } = parseStepRun(path);
  return { path, execution, number, request: parseRequest(requestJson), body };
}

function parseRequest(requestJson: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(requestJson).toString("utf8"));
  } catch {
    throw new PlatformError("InvalidArgument", "CALL_NOT_JSON", "The arguments of the call are not JSON");
  }
}
