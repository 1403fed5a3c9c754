import type { control } from "@millrace/protocol";
import type { Channels } from "./messages.ts";

/** What a process knows of the database's primary. */
export interface PrimaryKnowledge {
  readonly identity: control.PrimaryFound;
  /** Whether there is another server that could take its place. */
  readonly isGuarded: boolean;
  learn(identity: control.PrimaryFound): void;
  onMoved(listener: (identity: control.PrimaryFound) => void): void;
}

/** How often a process says what it knows, so that who was away or is new hears of it. */
const REPEAT_MS = 5_000;

/**
 * Lets all gateways and schedulers know what one of them knows: a server that was replaced is given up at once, also by those who
 * cannot reach the new one. Who knows less than what it hears learns; who knows more says so. Silent where there is one server alone.
 */
export function sharePrimary(channels: Channels, primary: PrimaryKnowledge): { close(): void } {
  const channel = channels.primaryFound();
  const tell = (): void => {
    if (primary.isGuarded) channel.send(primary.identity);
  };
  const heard = channel.listen((found) => {
    if (found.generation < primary.identity.generation) tell();
    else primary.learn(found);
  });
  primary.onMoved(tell);
  tell();
  const timer = setInterval(tell, REPEAT_MS).unref();
  return {
    close: () => {
      clearInterval(timer);
      heard.unsubscribe();
    },
  };
}
