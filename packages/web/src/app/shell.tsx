import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { History, LogOut, Monitor, Moon, Sun, Workflow } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { NavLink, Outlet, useLocation } from "react-router";
import { call, isSignedOut } from "../api/http.ts";
import { callerQuery } from "../api/queries.ts";
import { SignInPage } from "../pages/sign-in/sign-in-page.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { ErrorNote } from "../ui/note.tsx";
import { Skeleton } from "../ui/skeleton.tsx";
import { chooseTheme, useTheme, type Theme } from "./theme.ts";
import "./shell.css";

const PLACES = [
  { to: "/", label: "Workflows", icon: Workflow, also: "/workflows" },
  { to: "/runs", label: "Runs", icon: History, also: "/runs" },
] as const;

/** What stands around every page; a person who is not signed in sees the way in instead. */
export function Shell() {
  const caller = useQuery(callerQuery);
  if (caller.isPending) return <Skeleton rows={4} label="Loading" />;
  if (caller.isError && isSignedOut(caller.error)) return <SignInPage />;
  if (caller.isError) {
    return (
      <main className="alone">
        <ErrorNote error={caller.error} onRetry={() => void caller.refetch()} />
      </main>
    );
  }
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <nav className="side" aria-label="Main">
        <NavLink to="/" className="brand">
          <img src="/mark.svg" alt="" width={24} height={24} />
          <span>Millrace</span>
        </NavLink>
        <Places />
        <div className="side-end">
          <ThemeMenu />
          <SignOut name={(caller.data.user ?? "").replace("users/", "") || "API key"} />
        </div>
      </nav>
      <main id="content" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function Places() {
  const { pathname } = useLocation();
  return (
    <ul>
      {PLACES.map(({ to, label, icon: Icon, also }) => {
        const here = pathname === to || pathname.startsWith(also);
        return (
          <li key={to}>
            <NavLink to={to} className={here ? "place here" : "place"} aria-current={here ? "page" : undefined}>
              <Icon size={17} aria-hidden />
              <span>{label}</span>
            </NavLink>
          </li>
        );
      })}
    </ul>
  );
}

const THEMES = [
  ["system", "As the system", Monitor],
  ["light", "Light", Sun],
  ["dark", "Dark", Moon],
] as const;

function ThemeMenu() {
  const theme = useTheme();
  const Current = THEMES.find(([name]) => name === theme)![2];
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <IconButton kind="plain" label="Theme" icon={<Current size={16} aria-hidden />} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" side="right" align="end" sideOffset={6}>
          <DropdownMenu.RadioGroup value={theme} onValueChange={(value) => chooseTheme(value as Theme)}>
            {THEMES.map(([name, label, Icon]) => (
              <DropdownMenu.RadioItem key={name} value={name}>
                <Icon size={15} aria-hidden />
                {label}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function SignOut({ name }: { readonly name: string }) {
  const client = useQueryClient();
  const signOut = useMutation({
    mutationFn: () => call("POST", "sessions:signOut", { body: {} }),
    onSuccess: () => {
      client.clear();
      void client.resetQueries({ queryKey: callerQuery.queryKey });
    },
  });
  return (
    <Button
      kind="plain"
      className="sign-out"
      busy={signOut.isPending}
      icon={<LogOut size={15} aria-hidden />}
      onClick={() => signOut.mutate()}
      title={`Signed in as ${name}`}
    >
      <span>Sign out</span>
    </Button>
  );
}
