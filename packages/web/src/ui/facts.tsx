import type { ReactNode } from "react";
import { CopyButton } from "./copy-button.tsx";
import "./facts.css";

/** Facts about one thing, each under its name: in a row, or beneath each other in columns. */
export function Facts({ columns = false, children }: { readonly columns?: boolean; readonly children: ReactNode }) {
  return <dl className={columns ? "facts in-columns" : "facts"}>{children}</dl>;
}

/** One of them; a wide one has a line of its own where they stand in columns. */
export function Fact({
  name,
  wide = false,
  children,
}: {
  readonly name: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
}) {
  return (
    <div className={wide ? "wide" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** An id, with a button that copies it. */
export function IdFact({ name, id = "" }: { readonly name: string; readonly id: string | undefined }) {
  return (
    <Fact name={name} wide>
      <span className="copy-line">
        <code className="truncate" title={id}>
          {id}
        </code>
        <CopyButton text={id} label={`Copy the ${name.toLowerCase()}`} />
      </span>
    </Fact>
  );
}
