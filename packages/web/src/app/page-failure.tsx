import { useRouteError } from "react-router";
import { Button } from "../ui/button.tsx";
import { ErrorNote, Note } from "../ui/note.tsx";
import { Page } from "./page.tsx";

/** What browsers say of a part of the app that is not there (any more). */
const MISSING_PART =
  /dynamically imported module|importing a module script failed|error loading dynamically|unable to preload css/i;

/** In place of a page that broke: the rest of the app goes on. */
export function PageFailure() {
  const error = useRouteError();
  if (error instanceof Error && MISSING_PART.test(error.message)) return <NewRelease />;
  return (
    <Page title="This page broke">
      <ErrorNote error={error} onRetry={() => location.reload()} />
    </Page>
  );
}

/** A release takes the parts of the one before away; who has had the app open since then needs the new ones. */
function NewRelease() {
  return (
    <Page title="Load Millrace again">
      <Note kind="warn">
        <p>
          This page could not be loaded. Most likely the house has been updated since you opened Millrace: load it again
          to get the new release. If that does not help, the house may not be reachable at the moment.
        </p>
        <p>
          <Button kind="primary" onClick={() => location.reload()}>
            Load again
          </Button>
        </p>
      </Note>
    </Page>
  );
}
