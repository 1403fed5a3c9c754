import { useQuery } from "@tanstack/react-query";
import { callerQuery } from "../../api/queries.ts";
import { TabLinks } from "../../ui/tabs.tsx";

const YOURS = [["/settings", "You"]] as const;
const ADMINISTRATORS = [
  ["/settings/users", "Users"],
  ["/settings/api-keys", "API keys"],
] as const;
const ALL = [
  ["/settings/project", "Project"],
  ["/settings/house", "House"],
] as const;

/** The pages of the settings; those that only administrators may see are shown to them only. */
export function SettingsTabs() {
  const { data: caller } = useQuery(callerQuery);
  const isAdministrator = caller?.administrator === true;
  return <TabLinks label="Settings" links={[...YOURS, ...(isAdministrator ? ADMINISTRATORS : []), ...ALL]} />;
}
