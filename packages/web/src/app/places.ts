import {
  Box,
  ChartLine,
  Cog,
  Database,
  Folder,
  History,
  KeyRound,
  MailWarning,
  Server,
  Workflow,
  type LucideIcon,
} from "lucide-react";

/** A part of the app that the navigation leads to. */
export interface Place {
  readonly to: string;
  readonly label: string;
  readonly icon: LucideIcon;
  /** Further words under which people look for it. */
  readonly words: string;
  /** Addresses below this one belong to it, too. */
  readonly also?: string;
}

/** What the navigation shows, in its groups. */
export const PLACES: readonly { readonly heading: string; readonly places: readonly Place[] }[] = [
  {
    heading: "Work",
    places: [
      { to: "/dashboard", label: "Dashboard", icon: ChartLine, words: "charts metrics statistics" },
      { to: "/", label: "Workflows", icon: Workflow, words: "home list", also: "/workflows" },
      { to: "/runs", label: "Runs", icon: History, words: "history executions logs" },
      { to: "/dead-letters", label: "Dead letters", icon: MailWarning, words: "failed errors replay" },
    ],
  },
  {
    heading: "Resources",
    places: [
      { to: "/data-stores", label: "Data stores", icon: Database, words: "records keys values" },
      { to: "/files", label: "Files", icon: Folder, words: "upload download storage" },
      { to: "/environment", label: "Environment", icon: Box, words: "variables secrets env" },
      { to: "/accounts", label: "Accounts", icon: KeyRound, words: "apps oauth connections credentials" },
    ],
  },
  {
    heading: "House",
    places: [
      { to: "/runners", label: "Runners", icon: Server, words: "pools slots drain workers" },
      { to: "/settings", label: "Settings", icon: Cog, words: "users api keys sessions password retention about" },
    ],
  },
];

/** True when an address is of a place. */
export function isAt(place: Place, pathname: string): boolean {
  const below = place.also ?? place.to;
  return pathname === place.to || pathname === below || pathname.startsWith(`${below}/`);
}
