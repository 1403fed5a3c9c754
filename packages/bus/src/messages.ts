import { PlatformError, coerceError, type ErrorKind } from "@millrace/core";
import { control } from "@millrace/protocol";
import type { Bus, BusHeaders, BusSubscription, MessageMeta } from "./bus.ts";
import { queueGroups, subjects, type ServiceKind } from "./subjects.ts";

/** What the generated code offers for each message. */
interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(data: Uint8Array): Message;
}

/** Handles one decoded message; what it throws is logged with the message's kind. */
export type ChannelHandler<Message> = (message: Message, meta: MessageMeta) => void | Promise<void>;

/** One kind of message to one address. */
export interface Channel<Message> {
  /** Sends and forgets: false when it is lost already. Throws only `PAYLOAD_TOO_LARGE`. */
  send(message: Message, headers?: BusHeaders): boolean;
  /** Receives from now on, over lost connections too. */
  listen(handler: ChannelHandler<Message>): BusSubscription;
}

/** One kind of request that any member of a group answers, or one process alone. */
export interface Service<Request, Response> {
  /** Asks one member. Its refusal comes back as the `PlatformError` that it threw, without its cause. */
  request(request: Request, options: { timeoutMs: number }): Promise<Response>;
  /** Answers as one member of the group. */
  serve(handler: (request: Request, meta: MessageMeta) => Promise<Response> | Response): BusSubscription;
}

/** Every kind of message between the house's processes, typed. */
export interface Channels {
  submit(partition: number): Channel<control.Submit>;
  cancel(partition: number): Channel<control.Cancel>;
  resume(partition: number): Channel<control.Resume>;
  checkpoint(partition: number): Channel<control.Checkpoint>;
  refused(partition: number): Channel<control.Refused>;
  heartbeat(): Channel<control.Heartbeat>;
  assign(runner: string): Channel<control.Assign>;
  renew(runner: string): Channel<control.Renew>;
  committed(runner: string): Channel<control.Committed>;
  /** What one runner offers to one scheduler. */
  offer(scheduler: string, runner: string): Channel<control.Offer>;
  /** What all runners offer to one scheduler; to listen to. */
  offersTo(scheduler: string): Channel<control.Offer>;
  /** To every gateway and runner. */
  ownersMoved(): Channel<control.OwnersMoved>;
  /** To one runner. */
  drain(runner: string): Service<control.DrainRunnerRequest, control.DrainRunnerResponse>;
  /** Asked of every scheduler. */
  poolLoads(): Survey<control.GetPoolLoadsRequest, control.PoolLoads>;
  accepted(gateway: string): Channel<control.Accepted>;
  release(gateway: string): Channel<control.Release>;
  reassigned(gateway: string): Channel<control.Reassigned>;
  ended(gateway: string): Channel<control.Ended>;
  cancelled(gateway: string): Channel<control.Cancelled>;
  resumed(gateway: string): Channel<control.Resumed>;
  answer(gateway: string): Channel<control.Answer>;
  version(): Service<control.GetVersionRequest, control.GetVersionResponse>;
  environment(): Service<control.GetEnvironmentRequest, control.GetEnvironmentResponse>;
  check(): Service<control.CheckSourcesRequest, control.CheckSourcesResponse>;
  call(): Service<control.CallRequest, control.CallResponse>;
  /** Calls that only one gateway can answer: the one whose client waits. */
  callOf(gateway: string): Service<control.CallRequest, control.CallResponse>;
  readObject(): Service<control.ReadObjectRequest, control.ReadObjectResponse>;
  writeObject(): Service<control.WriteObjectRequest, control.WriteObjectResponse>;
  preparePackages(pool: string): Service<control.PreparePackagesRequest, control.PreparePackagesResponse>;
  /** The same question to the runner that has answered it before. */
  preparePackagesOf(runner: string): Service<control.PreparePackagesRequest, control.PreparePackagesResponse>;
  definitions(): Definitions;
}

/** One kind of question to everybody who listens. */
export interface Survey<Request, Response> {
  /** `onResponse` gets each answer until it returns true or the time is over; resolves to whether it did. */
  ask(request: Request, options: { timeoutMs: number; onResponse: (response: Response) => boolean }): Promise<boolean>;
  /** Answers as one of them. */
  serve(handler: (request: Request) => Response): BusSubscription;
}

/** Changes of definitions, told to every gateway and acknowledged by each. */
export interface Definitions {
  /** Tells every gateway; `onServed` gets each answer until it returns true. Resolves to whether it did in time. */
  announce(
    message: control.DefinitionsChanged,
    options: { timeoutMs: number; onServed: (served: control.DefinitionsServed) => boolean },
  ): Promise<boolean>;
  /** Hears of changes; the handler resolves once this gateway serves the generation. */
  serve(handler: (message: control.DefinitionsChanged) => Promise<control.DefinitionsServed>): BusSubscription;
}

/** All channels over one bus. */
export function openChannels(bus: Bus): Channels {
  const one =
    <Key extends string | number, Message>(kind: string, codec: Codec<Message>, subject: (key: Key) => string) =>
    (key: Key): Channel<Message> =>
      channel(bus, kind, codec, subject(key));
  return {
    submit: one("submit", control.Submit, (partition: number) => subjects.partition(partition, "submit")),
    cancel: one("cancel", control.Cancel, (partition: number) => subjects.partition(partition, "cancel")),
    resume: one("resume", control.Resume, (partition: number) => subjects.partition(partition, "resume")),
    checkpoint: one("checkpoint", control.Checkpoint, (partition: number) =>
      subjects.partition(partition, "checkpoint"),
    ),
    refused: one("refused", control.Refused, (partition: number) => subjects.partition(partition, "refused")),
    heartbeat: () => channel(bus, "heartbeat", control.Heartbeat, subjects.heartbeat()),
    assign: one("assign", control.Assign, (runner: string) => subjects.runner(runner, "assign")),
    renew: one("renew", control.Renew, (runner: string) => subjects.runner(runner, "renew")),
    committed: one("committed", control.Committed, (runner: string) => subjects.runner(runner, "committed")),
    offer: (scheduler, runner) => channel(bus, "offer", control.Offer, subjects.offer(scheduler, runner)),
    offersTo: (scheduler) => channel(bus, "offer", control.Offer, subjects.offersTo(scheduler)),
    ownersMoved: () => channel(bus, "ownersMoved", control.OwnersMoved, subjects.ownersMoved()),
    drain: (runner) =>
      serviceAt(
        bus,
        "drain",
        { subject: subjects.runner(runner, "drain") },
        control.DrainRunnerRequest,
        control.DrainRunnerResponse,
      ),
    poolLoads: () => survey(bus, subjects.poolLoads(), control.GetPoolLoadsRequest, control.PoolLoads),
    accepted: one("accepted", control.Accepted, (gateway: string) => subjects.gateway(gateway, "accepted")),
    release: one("release", control.Release, (gateway: string) => subjects.gateway(gateway, "release")),
    reassigned: one("reassigned", control.Reassigned, (gateway: string) => subjects.gateway(gateway, "reassigned")),
    ended: one("ended", control.Ended, (gateway: string) => subjects.gateway(gateway, "ended")),
    cancelled: one("cancelled", control.Cancelled, (gateway: string) => subjects.gateway(gateway, "cancelled")),
    resumed: one("resumed", control.Resumed, (gateway: string) => subjects.gateway(gateway, "resumed")),
    answer: one("answer", control.Answer, (gateway: string) => subjects.gateway(gateway, "answer")),
    version: () => service(bus, "version", queueGroups.gateways, control.GetVersionRequest, control.GetVersionResponse),
    environment: () =>
      service(bus, "environment", queueGroups.gateways, control.GetEnvironmentRequest, control.GetEnvironmentResponse),
    check: () => service(bus, "check", queueGroups.runners, control.CheckSourcesRequest, control.CheckSourcesResponse),
    call: () => service(bus, "call", queueGroups.gateways, control.CallRequest, control.CallResponse),
    callOf: (gateway) =>
      serviceAt(bus, "call", { subject: subjects.gateway(gateway, "call") }, control.CallRequest, control.CallResponse),
    readObject: () =>
      service(bus, "object.read", queueGroups.gateways, control.ReadObjectRequest, control.ReadObjectResponse),
    writeObject: () =>
      service(bus, "object.write", queueGroups.gateways, control.WriteObjectRequest, control.WriteObjectResponse),
    preparePackages: (pool) =>
      serviceAt(
        bus,
        "packages",
        { subject: subjects.poolPackages(pool), queue: queueGroups.runners },
        control.PreparePackagesRequest,
        control.PreparePackagesResponse,
      ),
    preparePackagesOf: (runner) =>
      serviceAt(
        bus,
        "packages",
        { subject: subjects.runner(runner, "packages") },
        control.PreparePackagesRequest,
        control.PreparePackagesResponse,
      ),
    definitions: () => definitions(bus),
  };
}

function channel<Message>(bus: Bus, kind: string, codec: Codec<Message>, subject: string): Channel<Message> {
  return {
    send: (message, headers) => bus.publish(subject, codec.encode(message).finish(), headers),
    listen: (handler) =>
      bus.subscribe(subject, (data, meta) => {
        const message = decode(bus, kind, codec, data);
        if (message === undefined) return;
        return guarded(bus, kind, () => handler(message, meta));
      }),
  };
}

/** Bytes that are no message of this kind are counted and dropped: a resend of the same bytes would not be one either. */
function decode<Message>(bus: Bus, kind: string, codec: Codec<Message>, data: Uint8Array): Message | undefined {
  try {
    return codec.decode(data);
  } catch (thrown) {
    bus.counters.undecodable++;
    bus.log.warn("message.undecodable", { kind, bytes: data.length, error: thrown });
    return undefined;
  }
}

function guarded(bus: Bus, kind: string, handle: () => void | Promise<void>): void | Promise<void> {
  const failed = (thrown: unknown): void => {
    bus.counters.handlerErrors++;
    bus.log.error("message.handler_failed", { kind, error: thrown });
  };
  try {
    const pending = handle();
    return pending instanceof Promise ? pending.catch(failed) : undefined;
  } catch (thrown) {
    failed(thrown);
  }
}

function service<Request, Response extends { error?: control.ControlError | undefined }>(
  bus: Bus,
  kind: ServiceKind,
  queue: string,
  requests: Codec<Request>,
  responses: Codec<Response>,
): Service<Request, Response> {
  return serviceAt(bus, kind, { subject: subjects.service(kind), queue }, requests, responses);
}

function serviceAt<Request, Response extends { error?: control.ControlError | undefined }>(
  bus: Bus,
  kind: ServiceKind,
  { subject, queue }: { subject: string; queue?: string },
  requests: Codec<Request>,
  responses: Codec<Response>,
): Service<Request, Response> {
  return {
    async request(request, options) {
      const data = await bus.request(subject, requests.encode(request).finish(), options);
      const response = decode(bus, kind, responses, data);
      if (response === undefined)
        throw new PlatformError("Internal", "BUS_UNDECODABLE", `the answer to ${kind} cannot be read`);
      if (response.error !== undefined) throw thrownThere(response.error);
      return response;
    },
    serve: (handler) =>
      bus.subscribe(
        subject,
        async (data, meta) => {
          const request = decode(bus, kind, requests, data);
          if (request === undefined) return;
          bus.respond(meta.reply, await answer(bus, kind, responses, () => handler(request, meta)));
        },
        queue === undefined ? {} : { queue },
      ),
  };
}

async function answer<Response>(
  bus: Bus,
  kind: string,
  responses: Codec<Response>,
  handle: () => Promise<Response> | Response,
): Promise<Uint8Array> {
  try {
    return responses.encode(await handle()).finish();
  } catch (thrown) {
    const error = coerceError(thrown);
    if (error.kind === "Internal") bus.log.error("message.handler_failed", { kind, error: thrown });
    // Decoding nothing gives every field's default, so that only the error has to be filled in.
    const empty = responses.decode(new Uint8Array(0));
    return responses.encode({ ...empty, error: toControlError(error) }).finish();
  }
}

function toControlError(error: PlatformError): control.ControlError {
  const message = error.kind === "Internal" ? "the house failed to answer" : error.message;
  return { reason: error.reason, message, kind: error.kind };
}

const KINDS: Record<ErrorKind, true> = {
  InvalidArgument: true,
  FailedPrecondition: true,
  Unauthenticated: true,
  PermissionDenied: true,
  NotFound: true,
  AlreadyExists: true,
  Conflict: true,
  ResourceExhausted: true,
  Cancelled: true,
  DeadlineExceeded: true,
  Unavailable: true,
  Internal: true,
};

function thrownThere(error: control.ControlError): PlatformError {
  const kind = Object.hasOwn(KINDS, error.kind) ? (error.kind as ErrorKind) : "Internal";
  return new PlatformError(kind, error.reason, error.message);
}

function survey<Request, Response>(
  bus: Bus,
  subject: string,
  requests: Codec<Request>,
  responses: Codec<Response>,
): Survey<Request, Response> {
  return {
    ask: (request, options) =>
      bus.gather(subject, requests.encode(request).finish(), {
        timeoutMs: options.timeoutMs,
        onReply: (data) => {
          const response = decode(bus, subject, responses, data);
          return response !== undefined && options.onResponse(response);
        },
      }),
    serve: (handler) =>
      bus.subscribe(subject, (data, meta) => {
        const request = decode(bus, subject, requests, data);
        if (request === undefined) return;
        return guarded(bus, subject, () => bus.respond(meta.reply, responses.encode(handler(request)).finish()));
      }),
  };
}

function definitions(bus: Bus): Definitions {
  const kind = "definitions";
  return {
    announce: (message, options) =>
      bus.gather(subjects.definitions(), control.DefinitionsChanged.encode(message).finish(), {
        timeoutMs: options.timeoutMs,
        onReply: (data, meta) => {
          // Nobody listens: not even a gateway.
          if (meta.headers?.["Status"] === "503") return false;
          const served = decode(bus, kind, control.DefinitionsServed, data);
          return served !== undefined && options.onServed(served);
        },
      }),
    serve: (handler) =>
      bus.subscribe(subjects.definitions(), (data, meta) => {
        const message = decode(bus, kind, control.DefinitionsChanged, data);
        if (message === undefined) return;
        return guarded(bus, kind, async () => {
          const served = await handler(message);
          bus.respond(meta.reply, control.DefinitionsServed.encode(served).finish());
        });
      }),
  };
}
