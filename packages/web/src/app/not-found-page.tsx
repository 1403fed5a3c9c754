import { Link } from "react-router";
import { EmptyState } from "../ui/empty-state.tsx";
import { Page } from "./page.tsx";

export function NotFoundPage() {
  return (
    <Page title="Not here">
      <EmptyState title="There is no such page" action={<Link to="/">To the workflows</Link>}>
        The address may be mistyped, or what it led to is gone.
      </EmptyState>
    </Page>
  );
}
