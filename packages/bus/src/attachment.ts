import type { Bus } from "./bus.ts";
import { translateNatsError } from "./bus-errors.ts";

/** Ends what was started on a connection. */
export type Detach = () => void;

/** Keeps something alive on the bus until it is closed. */
export interface Attachment {
  /** Starts anew: what was started has ended by itself. */
  restart(): void;
  close(): void;
}

const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 5_000;

/**
 * Starts something on each new connection, and again while starting fails: consumers do not outlive their connection.
 * `start` resolves to what ends it.
 */
export function keepAttached(bus: Bus, what: string, start: () => Promise<Detach>): Attachment {
  let closed = false;
  let generation = 0;
  let detach: Detach | undefined;
  let timer: NodeJS.Timeout | undefined;

  const stop = (): void => {
    generation++;
    clearTimeout(timer);
    detach?.();
    detach = undefined;
  };
  const attach = async (failures: number): Promise<void> => {
    if (closed || !bus.connected) return;
    const mine = generation;
    try {
      const end = await start();
      if (mine === generation) detach = end;
      else end();
    } catch (thrown) {
      if (mine !== generation) return;
      bus.log.warn("bus.attach_failed", { what, failures, error: translateNatsError(thrown, what).message });
      timer = setTimeout(() => void attach(failures + 1), Math.min(RETRY_MIN_MS * 2 ** failures, RETRY_MAX_MS));
    }
  };
  const restart = (): void => {
    stop();
    void attach(0);
  };
  const forget = bus.onStatus(restart);
  void attach(0);
  return {
    restart: () => {
      if (!closed) restart();
    },
    close: () => {
      closed = true;
      forget();
      stop();
    },
  };
}
