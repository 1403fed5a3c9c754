import type { messages, RunState } from "@millrace/core";
import { housePage } from "../http/house-page.ts";
import { errorAnswer, jsonAnswer, type HttpAnswer } from "../http/http-answer.ts";

/** What became of a link that was followed, in words. */
export interface LinkAnswer {
  readonly status: number;
  /** Stable; empty when the link has done what it is for. */
  readonly reason: string;
  readonly text: string;
  /** Whether trying again makes sense. */
  readonly retry?: boolean;
}

export const UNKNOWN_LINK: LinkAnswer = {
  status: 404,
  reason: "LINK_NOT_FOUND",
  text: "This is no link of this house.",
};

export const EXPIRED_LINK: LinkAnswer = {
  status: 410,
  reason: "LINK_EXPIRED",
  text: "This link has expired: the pause that it belongs to is long over.",
};

const NO_RUN: LinkAnswer = {
  status: 404,
  reason: "RUN_NOT_FOUND",
  text: "The run of this link is not there any more.",
};

const USED: LinkAnswer = {
  status: 410,
  reason: "LINK_USED",
  text: "This link does not work any more: the run has gone on, through this link, another one, or by itself.",
};

const EARLY: LinkAnswer = {
  status: 409,
  reason: "RUN_NOT_PAUSED",
  text: "The run is not paused yet: the step that made this link has not ended. Try again in a moment.",
  retry: true,
};

const TOO_LARGE: LinkAnswer = {
  status: 413,
  reason: "PAYLOAD_TOO_LARGE",
  text: "The run has no room for what was sent with this link.",
};

/** What an owner said, in words. */
export function answerTo(action: messages.ResumeAction, outcome: messages.ResumeOutcome, state?: RunState): LinkAnswer {
  switch (outcome) {
    case "DONE":
      return { status: 200, reason: "", text: action === "CANCEL" ? "The run is cancelled." : "The run goes on." };
    case "EARLY":
      return EARLY;
    case "OVER":
      return USED;
    case "ENDED":
      return endedRun(state);
    case "UNKNOWN":
      return NO_RUN;
    case "TOO_LARGE":
      return TOO_LARGE;
  }
}

function endedRun(state: RunState | undefined): LinkAnswer {
  const how = { SUCCEEDED: "it has succeeded", FAILED: "it has failed", CANCELLED: "it was cancelled" } as const;
  const text = `This link does not work any more: the run has ended${state && state in how ? ` (${how[state as keyof typeof how]})` : ""}.`;
  return { status: 410, reason: "RUN_ENDED", text };
}

/** As a page for people, or as JSON for programs. */
export function writeLinkAnswer(answer: LinkAnswer, runId: string, asPage: boolean): HttpAnswer {
  const written = asPage ? housePage(answer.status, { text: answer.text }) : jsonOf(answer, runId);
  return answer.retry ? { ...written, headers: [...written.headers, "retry-after", "1"] } : written;
}

function jsonOf({ status, reason, text }: LinkAnswer, runId: string): HttpAnswer {
  if (reason !== "") return errorAnswer(status, reason, text, runId === "" ? undefined : runId);
  return jsonAnswer(200, { status: "ok", message: text, run: runId }, runId);
}

/** The page before the deed: a button that posts. */
export function askPage(action: messages.ResumeAction): HttpAnswer {
  const [text, button] =
    action === "CANCEL"
      ? ["Somebody has sent you a link that cancels a run which waits. It works once.", "Cancel the run"]
      : ["Somebody has sent you a link that lets a run go on which waits. It works once.", "Let the run go on"];
  const page = housePage(200, { text, html: `<form method="post"><button>${button}</button></form>` });
  return { ...page, headers: [...page.headers, "x-robots-tag", "noindex"] };
}
