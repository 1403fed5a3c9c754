import { useRouteError } from "react-router";
import { ErrorNote } from "../ui/note.tsx";
import { Page } from "./page.tsx";

/** In place of a page that broke: the rest of the app goes on. */
export function PageFailure() {
  const error = useRouteError();
  return (
    <Page title="This page broke">
      <ErrorNote error={error} onRetry={() => location.reload()} />
    </Page>
  );
}
