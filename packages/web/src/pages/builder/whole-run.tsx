import { Link } from "react-router";

/** The way to the whole of a value that is too large for this page. */
export function WholeRun({ run = "" }: { readonly run: string | undefined }) {
  return <Link to={`/runs/${run.slice(run.lastIndexOf("/") + 1)}`}>Open the test’s run</Link>;
}
