import { useEffect, type ReactNode } from "react";
import "./page.css";

export interface PageProps {
  readonly title: string;
  /** Before the title: where this page belongs to. */
  readonly trail?: ReactNode;
  /** Behind the title: what it is. */
  readonly badges?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page with its heading; the window's title follows. */
export function Page({ title, trail, badges, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Millrace`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-title">
          {trail !== undefined && <div className="trail">{trail}</div>}
          <div className="title-line">
            <h1 tabIndex={-1}>{title}</h1>
            {badges}
          </div>
        </div>
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
