import { createContext, useContext } from "react";
import type { DraftStep, DraftTest, Workflow } from "../../api/generated/types.ts";
import type { DraftSession } from "./draft-session.ts";
import type { DraftView } from "./draft-view.ts";
import type { LiveTest, TestDesk } from "./test-desk.ts";
import type { TestEvent } from "./test-event.ts";

/** What all parts of the builder share. */
export interface Builder {
  readonly workflow: Workflow;
  readonly session: DraftSession;
  readonly view: DraftView;
  readonly desk: TestDesk;
  readonly live: ReadonlyMap<string, LiveTest>;
  /** The newest result of each step's test, by the step's id. */
  readonly tests: ReadonlyMap<string, DraftTest>;
  readonly event: TestEvent;
  readonly setEvent: (event: TestEvent) => void;
  /** `TRIGGER` or the id of a step. */
  readonly selected: string;
  /** Shows the trigger or a step, there a line, from 1. */
  readonly select: (key: string, line?: number) => void;
  readonly line: number | undefined;
}

/** Stands for the trigger among the steps. */
export const TRIGGER = "trigger";

const Context = createContext<Builder | undefined>(undefined);
export const BuilderProvider = Context.Provider;

/** The builder that a part belongs to. */
export function useBuilder(): Builder {
  return useContext(Context)!;
}

/** What else a definition says of a step. */
export interface StepOptions {
  readonly inputs?: Readonly<Record<string, StepInput>>;
  /** Its own time limit: a duration, or a number of seconds. */
  readonly timeout?: unknown;
  readonly [name: string]: unknown;
}

export interface StepInput {
  readonly store?: string;
  readonly account?: string;
}

export function optionsOf({ optionsJson = "" }: DraftStep): StepOptions {
  return optionsJson === "" ? {} : (JSON.parse(optionsJson) as StepOptions);
}

/** The definition without its steps. */
export interface DraftSettings {
  readonly trigger?: { readonly http?: HttpTrigger | null };
  readonly triggers?: readonly { readonly http?: HttpTrigger | null }[];
  readonly requirements?: readonly string[];
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

export interface HttpTrigger {
  readonly event?: "request" | "body";
  readonly respond?: "immediate" | "static" | "workflow";
  readonly response?: {
    readonly status?: number;
    readonly headers?: Readonly<Record<string, unknown>>;
    readonly body?: unknown;
  };
}

export function settingsOf(json: string): DraftSettings {
  return JSON.parse(json) as DraftSettings;
}

/** The triggers of a draft, in either way of writing them. */
export function triggersOf({ trigger, triggers }: DraftSettings): readonly HttpTrigger[] {
  return [...(triggers ?? []), ...(trigger === undefined ? [] : [trigger])].map(({ http }) => http ?? {});
}
