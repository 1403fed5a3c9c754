import { useState, useSyncExternalStore } from "react";

const KEY = "millrace.navigation";
const narrow = matchMedia("(max-width: 1024px)");

function subscribe(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => narrow.removeEventListener("change", listener);
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Whether the navigation shows pictures only: as the person has chosen, else on narrow windows. */
export function useCompact(): readonly [boolean, (compact: boolean) => void] {
  const isNarrow = useSyncExternalStore(subscribe, () => narrow.matches);
  const [choice, setChoice] = useState(remembered);
  const choose = (compact: boolean): void => {
    const next = compact ? "compact" : "wide";
    setChoice(next);
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Where storage is forbidden the choice lasts until the page is left.
    }
  };
  return [choice === null ? isNarrow : choice === "compact", choose];
}
