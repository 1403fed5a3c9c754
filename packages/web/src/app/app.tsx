import { QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, RouterProvider } from "react-router";
import { createQueryClient } from "../api/query-client.ts";
import { NotFoundPage } from "./not-found-page.tsx";
import { PageFailure } from "./page-failure.tsx";
import { resourceRoutes } from "./resource-routes.ts";
import { Shell } from "./shell.tsx";

const queryClient = createQueryClient();

/** Pages are loaded when they are first opened. */
const router = createBrowserRouter([
  {
    element: <Shell />,
    errorElement: <PageFailure />,
    children: [
      {
        errorElement: <PageFailure />,
        children: [
          {
            index: true,
            lazy: async () => ({ Component: (await import("../pages/workflows/workflows-page.tsx")).WorkflowsPage }),
          },
          {
            path: "workflows/:workflow",
            lazy: async () => ({ Component: (await import("../pages/workflows/workflow-page.tsx")).WorkflowPage }),
          },
          {
            path: "workflows/:workflow/versions",
            lazy: async () => ({ Component: (await import("../pages/workflows/versions-page.tsx")).VersionsPage }),
          },
          {
            path: "workflows/:workflow/build",
            lazy: async () => ({ Component: (await import("../pages/builder/builder-page.tsx")).BuilderPage }),
          },
          { path: "runs", lazy: async () => ({ Component: (await import("../pages/runs/runs-page.tsx")).RunsPage }) },
          {
            path: "runs/compare",
            lazy: async () => ({ Component: (await import("../pages/runs/compare-page.tsx")).ComparePage }),
          },
          {
            path: "runs/:run",
            lazy: async () => ({ Component: (await import("../pages/runs/run-page.tsx")).RunPage }),
          },
          {
            path: "dead-letters",
            lazy: async () => ({
              Component: (await import("../pages/dead-letters/dead-letters-page.tsx")).DeadLettersPage,
            }),
          },
          {
            path: "dashboard",
            lazy: async () => ({ Component: (await import("../pages/dashboard/dashboard-page.tsx")).DashboardPage }),
          },
          ...resourceRoutes,
          { path: "*", element: <NotFoundPage /> },
        ],
      },
    ],
  },
]);

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
