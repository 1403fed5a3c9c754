import { useEffect } from "react";
import { createSignal } from "../api/signal.ts";

/** Whether the palette is open. */
export const paletteOpen = createSignal(false);

/** Whether the list of shortcuts is open. */
export const helpOpen = createSignal(false);

/** Opens the palette (Cmd/Ctrl-K, anywhere) and the list of shortcuts (`?`, where nobody types). */
export function useShortcuts(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if ((event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        paletteOpen.set(!paletteOpen.get());
      } else if (event.key === "?" && !isTyping(event.target)) {
        event.preventDefault();
        helpOpen.set(true);
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  );
}
