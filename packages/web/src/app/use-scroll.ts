import { useEffect, useRef, type RefObject } from "react";
import { useLocation, useNavigationType } from "react-router";

/** How long a page may take to become as long as it was. */
const PATIENCE_MS = 1_500;
const positions = new Map<string, number>();

/** A new page begins at its top; one that people come back to stands where they left it. */
export function useScroll(scroller: RefObject<HTMLElement | null>): void {
  const { key, pathname } = useLocation();
  const type = useNavigationType();
  const before = useRef(pathname);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const wanted = type === "POP" ? (positions.get(key) ?? 0) : 0;
    const samePage = before.current === pathname;
    before.current = pathname;
    const remember = (): void => void positions.set(key, element.scrollTop);
    const stop = samePage && type !== "POP" ? undefined : scrollWhenLongEnough(element, wanted);
    element.addEventListener("scroll", remember, { passive: true });
    return () => {
      stop?.();
      element.removeEventListener("scroll", remember);
    };
  }, [key, pathname, type, scroller]);
}

/** What was read before is there at once, the rest within moments: the place is taken again until then, or until the person scrolls. */
function scrollWhenLongEnough(element: HTMLElement, top: number): () => void {
  element.scrollTop = top;
  if (element.scrollTop === top) return () => undefined;
  const observer = new MutationObserver(() => {
    element.scrollTop = top;
    if (element.scrollTop === top) stop();
  });
  const timer = setTimeout(() => stop(), PATIENCE_MS);
  const stop = (): void => {
    observer.disconnect();
    clearTimeout(timer);
    element.removeEventListener("wheel", stop);
  };
  element.addEventListener("wheel", stop, { passive: true });
  observer.observe(element, { childList: true, subtree: true });
  return stop;
}
