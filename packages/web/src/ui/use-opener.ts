import { useState } from "react";

/** What had the focus when a dialog opened, so that it gets it back; of a menu's item, the button of the menu. */
export function useOpener(): (event: Event) => void {
  const [opener] = useState(findOpener);
  return (event) => {
    // Without a button of its own, a dialog would leave the focus nowhere.
    event.preventDefault();
    opener?.focus();
  };
}

function findOpener(): HTMLElement | undefined {
  const active = document.activeElement;
  const trigger = active?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  const found = trigger == null ? active : document.getElementById(trigger);
  return found instanceof HTMLElement ? found : undefined;
}
