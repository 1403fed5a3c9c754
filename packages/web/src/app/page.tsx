import { useEffect, useRef, type ReactNode } from "react";
import { useLocation } from "react-router";
import "./page.css";

export interface PageProps {
  readonly title: string;
  /** Before the title: where this page belongs to. */
  readonly trail?: ReactNode;
  /** Behind the title: what it is. */
  readonly badges?: ReactNode;
  readonly actions?: ReactNode;
  /** Fills the window, so that a list within it scrolls by itself. */
  readonly full?: boolean;
  readonly children: ReactNode;
}

/** The address whose page has had the focus; undefined for none, as when the app has just been opened. */
let arrived: string | undefined;

/** A page with its heading; the window's title follows, and who comes from another page stands at the heading. */
export function Page({ title, trail, badges, actions, full = false, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  useEffect(() => {
    document.title = `${title} · Millrace`;
  }, [title]);
  useEffect(() => {
    const isFirst = arrived === undefined;
    const isNew = arrived !== pathname;
    arrived = pathname;
    // A field of the page that has taken the focus keeps it, and so does a dialog in front of it.
    const isTaken = document.activeElement?.closest("main, [role=dialog]") != null;
    if (isNew && !isFirst && !(isTaken && document.activeElement?.id !== "content"))
      heading.current?.focus({ preventScroll: true });
  }, [pathname]);
  return (
    <div className={full ? "page full" : "page"}>
      <header className="page-head">
        <div className="page-title">
          {trail !== undefined && (
            <nav className="trail" aria-label="Breadcrumbs">
              {trail}
            </nav>
          )}
          <div className="title-line">
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            {badges}
          </div>
        </div>
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
