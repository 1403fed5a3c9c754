import { QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, RouterProvider } from "react-router";
import { createQueryClient } from "../api/query-client.ts";
import { NotFoundPage } from "./not-found-page.tsx";
import { PageFailure } from "./page-failure.tsx";
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
          { path: "runs", lazy: async () => ({ Component: (await import("../pages/runs/runs-page.tsx")).RunsPage }) },
          {
            path: "runs/:run",
            lazy: async () => ({ Component: (await import("../pages/runs/run-page.tsx")).RunPage }),
          },
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
