import type { Holdings, messages } from "@millrace/core";
import type { Mutation } from "./mutations.ts";

/** The insides of a runner's brain that a planted mistake reaches into; never used outside of planted mistakes. */
interface Insides {
  offers: { hear: (scheduler: string, demand: readonly messages.Demand[] | undefined, nowMs: number) => void };
  mayTake: (assign: messages.Assign) => boolean;
  tellGone: (gone: messages.GoneRun) => void;
  dying: Map<string, unknown>;
}

/** Plants mistakes into a runner's brain. */
export function mutateHoldings(holdings: Holdings, mutations: ReadonlySet<Mutation>): void {
  const insides = holdings as unknown as Insides;
  if (mutations.has("slots_counted_twice")) insides.mayTake = () => !holdings.isDraining;
  if (mutations.has("demand_ignored")) {
    const real = insides.offers.hear.bind(insides.offers);
    insides.offers.hear = (scheduler, _demand, nowMs) => real(scheduler, undefined, nowMs);
  }
  if (mutations.has("handback_untold")) {
    const real = insides.tellGone.bind(holdings);
    insides.tellGone = (gone) => {
      if (gone.cause !== "HANDED_BACK") return real(gone);
      insides.dying.delete(`${gone.handing.runId}/${gone.handing.assignment}`);
    };
  }
}
