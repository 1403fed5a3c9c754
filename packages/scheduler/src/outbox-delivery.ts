import { wire, type Channels } from "@millrace/bus";
import {
  coerceError,
  encodeContext,
  partitionOf,
  PlatformError,
  WORKFLOW_TRIGGER,
  type messages,
  type OutboxBody,
  type OutboxMessage,
} from "@millrace/core";
import type { Store, WorkflowRecord } from "@millrace/store";

type Start = Extract<OutboxBody, { kind: "START" }>;

/** Sends messages of runs to the owners of other runs, as a gateway sends what its callers want. */
export class OutboxDelivery {
  private readonly settings: { readonly scheduler: string; readonly partitionCount: number };
  private readonly deps: { readonly channels: Channels; readonly store: Pick<Store, "workflows"> };
  private readonly onUndeliverable: (id: string, reason: string, message: string) => void;

  constructor(
    settings: OutboxDelivery["settings"],
    deps: OutboxDelivery["deps"],
    onUndeliverable: OutboxDelivery["onUndeliverable"],
  ) {
    this.settings = settings;
    this.deps = deps;
    this.onUndeliverable = onUndeliverable;
  }

  /** Sends one message; what becomes of it is told by its receiver. */
  async deliver({ id, body, payload }: OutboxMessage): Promise<void> {
    const { channels } = this.deps;
    if (body.kind === "START") return this.start(id, body, payload);
    const { runId, workflowId } = body;
    const address = { partition: this.partitionOf(workflowId), runId, gateway: this.settings.scheduler };
    if (body.kind === "CANCEL") {
      channels.cancel(address.partition).send({ ...address, reason: body.reason });
      return;
    }
    const { path } = body;
    const resume: messages.Resume = {
      ...{ ...address, path, requestId: id, action: "RESUME", dataJson: payload, reason: "" },
    };
    channels.resume(address.partition).send(wire.resumeToWire(resume));
  }

  /** The workflow is looked up in the project of the run that starts it, whatever that run's code has said. */
  private async start(id: string, body: Start, payload: Uint8Array): Promise<void> {
    try {
      const workflow = await this.deps.store.workflows.get(body.projectId, body.workflowId);
      const message = this.submitOf(workflow, body, payload);
      this.deps.channels.submit(message.partition).send(wire.submitToWire(message));
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.kind === "Unavailable") throw error;
      this.onUndeliverable(id, error.reason, error.message);
    }
  }

  private submitOf({ enabled, version, name }: WorkflowRecord, body: Start, payload: Uint8Array): messages.Submit {
    if (!enabled) throw new PlatformError("FailedPrecondition", "WORKFLOW_DISABLED", `"${name}" is disabled`);
    if (version === null)
      throw new PlatformError("FailedPrecondition", "WORKFLOW_NOT_DEPLOYED", `"${name}" has no version`);
    const { childId: runId, traceId, timeMs, parent } = body;
    const { spec } = version;
    return {
      partition: this.partitionOf(spec.workflowId),
      runId,
      spec,
      input: {
        eventJson: payload,
        eventFallsBackToBody: false,
        contextJson: Buffer.from(encodeContext({ runId, traceId, timeMs, spec, workflowName: name, parent })),
        triggerKind: WORKFLOW_TRIGGER,
        traceParent: "",
        traceId,
        createTimeMs: timeMs,
      },
      priority: spec.priority ?? 0,
      idempotencyKey: "",
      gateway: this.settings.scheduler,
      wantsAnswer: false,
      wantsEnd: false,
    };
  }

  private partitionOf(workflowId: string): number {
    return partitionOf(workflowId, this.settings.partitionCount);
  }
}
