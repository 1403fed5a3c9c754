import { PlatformError } from "@millrace/core";
import type { projectApi } from "@millrace/protocol";
import type { Projects, ProjectSettings, Runs } from "@millrace/store";
import { isEmailAddress } from "../mail/email-address.ts";
import type { ApiContext } from "./api-caller.ts";

/** Who has deployed so many workflows does not begin any more. */
const BEGINNER_WORKFLOWS_MAX = 4;

export interface ProjectServiceOptions {
  readonly projects: Projects;
  readonly runs: Pick<Runs, "list">;
}

/** `millrace.api.v1.ProjectService`. */
export class ProjectService {
  readonly #projects: Projects;
  readonly #runs: Pick<Runs, "list">;

  constructor({ projects, runs }: ProjectServiceOptions) {
    this.#projects = projects;
    this.#runs = runs;
  }

  async getProject(
    _request: projectApi.GetProjectRequest,
    { principal: caller }: ApiContext,
  ): Promise<projectApi.Project> {
    return toProject(await this.#projects.getSettings(caller.projectId));
  }

  async setEmailRecipient(
    { emailRecipient }: projectApi.SetEmailRecipientRequest,
    { principal: caller }: ApiContext,
  ): Promise<projectApi.Project> {
    if (emailRecipient !== "" && !isEmailAddress(emailRecipient)) {
      const message = `"${emailRecipient.slice(0, 80)}" is not an e-mail address`;
      throw new PlatformError("InvalidArgument", "INVALID_EMAIL_ADDRESS", message);
    }
    return toProject(await this.#projects.setEmailRecipient(caller.projectId, emailRecipient || null));
  }

  async setQueueLimit(
    { queueLimit }: projectApi.SetQueueLimitRequest,
    { principal: caller }: ApiContext,
  ): Promise<projectApi.Project> {
    if (queueLimit !== undefined && queueLimit < 1) {
      throw new PlatformError("InvalidArgument", "INVALID_QUEUE_LIMIT", "queue_limit is at least 1, or absent");
    }
    return toProject(await this.#projects.setQueueLimit(caller.projectId, queueLimit ?? null));
  }

  async getFirstSteps(
    _request: projectApi.GetFirstStepsRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<projectApi.FirstSteps> {
    const { over, created, tested, deployedCount, workflowId } = await this.#projects.readFirstSteps(projectId);
    const deployed = deployedCount > 0;
    if (over || deployedCount > BEGINNER_WORKFLOWS_MAX) return this.#end(projectId, over);
    const called =
      deployed && (await this.#runs.list({ projectId, triggerKind: "http", pageSize: 1 })).items.length > 0;
    if (called && tested) return this.#end(projectId, over);
    const workflow = workflowId === null ? "" : `workflows/${workflowId}`;
    return { over, created, tested, deployed, called, workflow };
  }

  async dismissFirstSteps(
    _request: projectApi.DismissFirstStepsRequest,
    { principal: { projectId } }: ApiContext,
  ): Promise<projectApi.FirstSteps> {
    return this.#end(projectId, false);
  }

  async #end(projectId: string, over: boolean): Promise<projectApi.FirstSteps> {
    if (!over) await this.#projects.endFirstSteps(projectId);
    return { over: true, created: false, tested: false, deployed: false, called: false, workflow: "" };
  }
}

function toProject({ name, emailRecipient, queueLimit }: ProjectSettings): projectApi.Project {
  return { displayName: name, emailRecipient: emailRecipient ?? "", queueLimit: queueLimit ?? undefined };
}
