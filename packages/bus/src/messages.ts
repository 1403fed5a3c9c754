import * as control from "@millrace/protocol/control";
import type { Bus, BusSubscription } from "./bus.ts";
import { channel, decode, guarded, service, type Channel, type Codec, type Service } from "./channel.ts";
import {
  ANYONE,
  poolOf,
  queueGroups,
  runnerOf,
  subjects,
  type GatewayKind,
  type PartitionKind,
  type ServiceKind,
} from "./subjects.ts";

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
  /** To every scheduler. */
  partitionsReleased(): Channel<control.PartitionsReleased>;
  /** What runners offer to one scheduler. */
  offer(scheduler: string): Channel<control.Offer>;
  /** To every gateway and runner. */
  ownersMoved(): Channel<control.OwnersMoved>;
  /** To a gateway that somebody watches runs at. */
  runsChanged(gateway: string): Channel<control.RunsChanged>;
  /** Between gateways and schedulers. */
  primaryFound(): Channel<control.PrimaryFound>;
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
  call(): Service<control.CallRequest, control.CallResponse>;
  /** Calls that only one gateway can answer: the one whose client waits. */
  callOf(gateway: string): Service<control.CallRequest, control.CallResponse>;
  readObject(): Service<control.ReadObjectRequest, control.ReadObjectResponse>;
  writeObject(): Service<control.WriteObjectRequest, control.WriteObjectResponse>;
  check(runner: string): Service<control.CheckSourcesRequest, control.CheckSourcesResponse>;
  preparePackages(runner: string): Service<control.PreparePackagesRequest, control.PreparePackagesResponse>;
  /** For a first credential, by a newcomer that has a pool's join token; `ANYONE` for those who issue. */
  join(pool: string, key: string): Service<control.IssueCredentialRequest, control.IssueCredentialResponse>;
  /** For a further credential. */
  renewCredential(): Service<control.IssueCredentialRequest, control.IssueCredentialResponse>;
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

/** Who a runner is, as its credential at NATS says. */
export interface RunnerSelf {
  readonly runner: string;
  readonly pool: string;
}

/** All channels over one bus; `self` is given by runners, who speak under their own name. */
export function openChannels(bus: Bus, self?: RunnerSelf): Channels {
  return { ...houseChannels(bus), ...runnerChannels(bus, self), ...runnerServices(bus, self) };
}

const c = control;
const none = () => 0;
const both = (subject: string) => ({ send: subject, listen: subject });

/** Steps that were taken over from an earlier run are not counted: with any, a submit goes over NATS. */
function submitBytes({ input, takenOver }: control.Submit): number {
  if (takenOver.length > 0) return Infinity;
  return (input?.eventJson.length ?? 0) + (input?.contextJson.length ?? 0);
}

/** What gateways and schedulers say, to one another and to runners. */
function houseChannels(bus: Bus) {
  const gatewayHears =
    <Message>(kind: GatewayKind, codec: Codec<Message>, bulk: (message: Message) => number = none) =>
    (gateway: string) =>
      channel(bus, kind, codec, { ...both(subjects.gateway(gateway, kind)), bulk });
  const toOwner = (partition: number, kind: PartitionKind) => both(subjects.partition(partition, kind));
  return {
    submit: (partition: number) =>
      channel(bus, "submit", c.Submit, { ...toOwner(partition, "submit"), bulk: submitBytes }),
    cancel: (partition: number) => channel(bus, "cancel", c.Cancel, { ...toOwner(partition, "cancel"), bulk: none }),
    resume: (partition: number) =>
      channel(bus, "resume", c.Resume, { ...toOwner(partition, "resume"), bulk: ({ dataJson }) => dataJson.length }),
    assign: (runner: string) => channel(bus, "assign", c.Assign, both(subjects.runner(runner, "assign"))),
    renew: (runner: string) =>
      channel(bus, "renew", c.Renew, {
        ...both(subjects.runner(runner, "renew")),
        isAnswer: ({ stampMs }: control.Renew) => stampMs > 0,
      }),
    committed: (runner: string) => channel(bus, "committed", c.Committed, both(subjects.runner(runner, "committed"))),
    partitionsReleased: () =>
      channel(bus, "partitionsReleased", c.PartitionsReleased, both(subjects.partitionsReleased())),
    primaryFound: () => channel(bus, "primaryFound", c.PrimaryFound, both(subjects.primaryFound())),
    ownersMoved: () => channel(bus, "ownersMoved", c.OwnersMoved, both(subjects.ownersMoved())),
    drain: (runner: string) =>
      service(bus, "drain", both(subjects.runner(runner, "drain")), c.DrainRunnerRequest, c.DrainRunnerResponse),
    poolLoads: () => survey(bus, subjects.poolLoads(), c.GetPoolLoadsRequest, c.PoolLoads),
    accepted: gatewayHears("accepted", c.Accepted),
    release: gatewayHears("release", c.Release, ({ response }) => response?.body.length ?? 0),
    reassigned: gatewayHears("reassigned", c.Reassigned),
    ended: gatewayHears("ended", c.Ended),
    cancelled: gatewayHears("cancelled", c.Cancelled),
    resumed: gatewayHears("resumed", c.Resumed),
    runsChanged: gatewayHears("changed", c.RunsChanged),
    check: (runner: string) =>
      service(bus, "check", both(subjects.runner(runner, "check")), c.CheckSourcesRequest, c.CheckSourcesResponse),
    preparePackages: (runner: string) =>
      service(
        bus,
        "packages",
        both(subjects.runner(runner, "packages")),
        c.PreparePackagesRequest,
        c.PreparePackagesResponse,
      ),
    definitions: () => definitions(bus),
  } satisfies Partial<Channels>;
}

const named = ({ runner }: { runner: string }, subject: string) => runner === runnerOf(subject);

/** What runners say. */
function runnerChannels(bus: Bus, self: RunnerSelf | undefined) {
  const mine = ownSubject(self);
  const toOwner = (partition: number, kind: "checkpoint" | "refused") => ({
    send: mine((runner) => subjects.runnerToOwner(partition, kind, runner)),
    listen: subjects.runnerToOwner(partition, kind, ANYONE),
    isOwn: named,
  });
  return {
    checkpoint: (partition: number) => channel(bus, "checkpoint", c.Checkpoint, toOwner(partition, "checkpoint")),
    refused: (partition: number) => channel(bus, "refused", c.Refused, toOwner(partition, "refused")),
    heartbeat: () =>
      channel(bus, "heartbeat", c.Heartbeat, {
        send: self && subjects.heartbeat(self.pool, self.runner),
        listen: subjects.heartbeat(ANYONE, ANYONE),
        isOwn: (beat: control.Heartbeat, subject: string) => named(beat, subject) && beat.pool === poolOf(subject),
      }),
    offer: (scheduler: string) =>
      channel(bus, "offer", c.Offer, {
        send: mine((runner) => subjects.offer(scheduler, runner)),
        listen: subjects.offer(scheduler, ANYONE),
        isOwn: named,
      }),
    answer: (gateway: string) =>
      channel(bus, "answer", c.Answer, {
        send: mine((runner) => subjects.runnerToGateway(gateway, "answer", runner)),
        listen: subjects.runnerToGateway(gateway, "answer", ANYONE),
        isOwn: () => true,
      }),
  } satisfies Partial<Channels>;
}

/** What runners ask of gateways. */
function runnerServices(bus: Bus, self: RunnerSelf | undefined) {
  const mine = ownSubject(self);
  const asked = (kind: ServiceKind) => ({
    send: mine((runner) => subjects.service(kind, runner)),
    listen: subjects.service(kind, ANYONE),
    queue: queueGroups.gateways,
    byRunner: true,
  });
  const waiting = (gateway: string) => ({
    send: mine((runner) => subjects.runnerToGateway(gateway, "call", runner)),
    listen: subjects.runnerToGateway(gateway, "call", ANYONE),
    byRunner: true,
  });
  return {
    version: () => service(bus, "version", asked("version"), c.GetVersionRequest, c.GetVersionResponse),
    environment: () =>
      service(bus, "environment", asked("environment"), c.GetEnvironmentRequest, c.GetEnvironmentResponse),
    call: () => service(bus, "call", asked("call"), c.CallRequest, c.CallResponse),
    callOf: (gateway: string) => service(bus, "call", waiting(gateway), c.CallRequest, c.CallResponse),
    readObject: () => service(bus, "object.read", asked("object.read"), c.ReadObjectRequest, c.ReadObjectResponse),
    writeObject: () => service(bus, "object.write", asked("object.write"), c.WriteObjectRequest, c.WriteObjectResponse),
    join: (pool: string, key: string) =>
      service(
        bus,
        "join",
        {
          send: subjects.join(pool, key),
          listen: subjects.join(pool, key),
          queue: queueGroups.gateways,
          byRunner: true,
        },
        c.IssueCredentialRequest,
        c.IssueCredentialResponse,
      ),
    renewCredential: () =>
      service(
        bus,
        "renewCredential",
        {
          send: self && subjects.renewCredential(self.pool, self.runner),
          listen: subjects.renewCredential(ANYONE, ANYONE),
          queue: queueGroups.gateways,
          byRunner: true,
        },
        c.IssueCredentialRequest,
        c.IssueCredentialResponse,
      ),
  } satisfies Partial<Channels>;
}

/** A runner's own subject of a kind; undefined for everybody else, who may not send it. */
function ownSubject(self: RunnerSelf | undefined) {
  return (subject: (runner: string) => string): string | undefined => self && subject(self.runner);
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
    announce: (message, options) => {
      const data = control.DefinitionsChanged.encode(message).finish();
      bus.publish(subjects.definitionsForRunners(), data);
      return bus.gather(subjects.definitions(), data, {
        timeoutMs: options.timeoutMs,
        onReply: (data) => {
          const served = decode(bus, kind, control.DefinitionsServed, data);
          return served !== undefined && options.onServed(served);
        },
      });
    },
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
