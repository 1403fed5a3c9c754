import type { RouteObject } from "react-router";

/** What steps use, who runs them, and the settings. */
export const resourceRoutes: readonly RouteObject[] = [
  {
    path: "data-stores",
    lazy: async () => ({ Component: (await import("../pages/data-stores/data-stores-page.tsx")).DataStoresPage }),
  },
  {
    path: "data-stores/:store",
    lazy: async () => ({ Component: (await import("../pages/data-stores/data-store-page.tsx")).DataStorePage }),
  },
  { path: "files", lazy: async () => ({ Component: (await import("../pages/files/files-page.tsx")).FilesPage }) },
  {
    path: "environment",
    lazy: async () => ({ Component: (await import("../pages/environment/environment-page.tsx")).EnvironmentPage }),
  },
  {
    path: "accounts",
    lazy: async () => ({ Component: (await import("../pages/accounts/accounts-page.tsx")).AccountsPage }),
  },
  {
    path: "accounts/apps",
    lazy: async () => ({ Component: (await import("../pages/accounts/apps-page.tsx")).AppsPage }),
  },
  {
    path: "runners",
    lazy: async () => ({ Component: (await import("../pages/runners/runners-page.tsx")).RunnersPage }),
  },
  { path: "settings", lazy: async () => ({ Component: (await import("../pages/settings/you-page.tsx")).YouPage }) },
  {
    path: "settings/users",
    lazy: async () => ({ Component: (await import("../pages/settings/users-page.tsx")).UsersPage }),
  },
  {
    path: "settings/api-keys",
    lazy: async () => ({ Component: (await import("../pages/settings/api-keys-page.tsx")).ApiKeysPage }),
  },
  {
    path: "settings/project",
    lazy: async () => ({ Component: (await import("../pages/settings/project-page.tsx")).ProjectPage }),
  },
  {
    path: "settings/house",
    lazy: async () => ({ Component: (await import("../pages/settings/house-page.tsx")).HousePage }),
  },
];
