import { Page } from "../../app/page.tsx";

export function DashboardPage() {
  return <Page title="Dashboard">…</Page>;
}
