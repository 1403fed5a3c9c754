import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleUser, Keyboard, LogOut, Monitor, Moon, Settings, Sun } from "lucide-react";
import { call } from "../api/http.ts";
import { callerQuery } from "../api/queries.ts";
import { idOf } from "../api/resources.ts";
import { Menu, MenuChoice, MenuHeading, MenuItem, MenuLink, MenuSeparator } from "../ui/menu.tsx";
import { toast } from "../ui/toast.tsx";
import { helpOpen } from "./shortcuts.ts";
import { chooseTheme, useTheme } from "./theme.ts";

const THEMES = [
  ["system", "As the system", <Monitor key="icon" size={15} aria-hidden />],
  ["light", "Light", <Sun key="icon" size={15} aria-hidden />],
  ["dark", "Dark", <Moon key="icon" size={15} aria-hidden />],
] as const;

/** Ends the session; the way in is shown then. */
export function useSignOut(): () => void {
  const client = useQueryClient();
  const signOut = useMutation({
    mutationFn: () => call("POST", "sessions:signOut", { body: {} }),
    onSuccess: async () => {
      await client.resetQueries({ queryKey: callerQuery.queryKey });
      // Nothing that was read stays behind for whoever comes next.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== callerQuery.queryKey[0] });
    },
    onError: (error) => toast(`Not signed out: ${error.message}`, "bad"),
  });
  return () => signOut.mutate();
}

/** Who is signed in, and what concerns that person only. */
export function AccountMenu() {
  const caller = useQuery(callerQuery);
  const theme = useTheme();
  const signOut = useSignOut();
  const user = idOf(caller.data?.user);
  const name = user === "" ? "API key" : user;
  const project = caller.data?.projectDisplayName ?? "";
  return (
    <Menu
      side="top"
      align="start"
      trigger={
        <button type="button" className="who" title={`Signed in as ${name}`} aria-label={`Account of ${name}`}>
          <CircleUser size={18} aria-hidden />
          <span className="side-text truncate">{name}</span>
        </button>
      }
    >
      <MenuHeading>{project === "" ? name : `${name} · ${project}`}</MenuHeading>
      <MenuLink to="/settings" icon={<Settings size={15} aria-hidden />}>
        Settings
      </MenuLink>
      <MenuItem icon={<Keyboard size={15} aria-hidden />} keys="?" onSelect={() => helpOpen.set(true)}>
        Keyboard shortcuts
      </MenuItem>
      <MenuSeparator />
      <MenuHeading>Theme</MenuHeading>
      <MenuChoice label="Theme" value={theme} options={THEMES} onChange={chooseTheme} />
      <MenuSeparator />
      <MenuItem icon={<LogOut size={15} aria-hidden />} onSelect={signOut}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
