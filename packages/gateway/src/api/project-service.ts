import { PlatformError } from "@millrace/core";
import type { projectApi } from "@millrace/protocol";
import type { Projects, ProjectSettings } from "@millrace/store";
import { isEmailAddress } from "../mail/email-address.ts";
import type { ApiContext } from "./api-caller.ts";

/** `millrace.api.v1.ProjectService`. */
export class ProjectService {
  readonly #projects: Projects;

  constructor(projects: Projects) {
    this.#projects = projects;
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
}

function toProject({ name, emailRecipient, queueLimit }: ProjectSettings): projectApi.Project {
  return { displayName: name, emailRecipient: emailRecipient ?? "", queueLimit: queueLimit ?? undefined };
}
