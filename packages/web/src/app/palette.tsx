import { useQuery } from "@tanstack/react-query";
import {
  CirclePlus,
  Database,
  History,
  Keyboard,
  LogOut,
  Monitor,
  Moon,
  Search,
  Sun,
  Workflow,
  type LucideIcon,
} from "lucide-react";
import { Dialog } from "radix-ui";
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useNavigate } from "react-router";
import { newestRunsQuery, workflowsQuery, type RunFilter } from "../api/queries.ts";
import { dataStoresQuery, idOf } from "../api/resources.ts";
import { stateLabel } from "../ui/run-state.tsx";
import { useSignOut } from "./account-menu.tsx";
import { fuzzyMatch } from "./fuzzy-match.ts";
import { PLACES } from "./places.ts";
import { helpOpen, paletteOpen } from "./shortcuts.ts";
import { chooseTheme } from "./theme.ts";
import "./palette.css";

/** Something that the palette finds. */
interface Entry {
  readonly id: string;
  readonly group: string;
  readonly label: string;
  /** Behind the label: what it is. */
  readonly detail?: string;
  /** Further words under which it is found. */
  readonly words?: string;
  readonly icon: LucideIcon;
  readonly run: () => void;
}

interface Found {
  readonly entry: Entry;
  readonly at: readonly number[];
  readonly score: number;
}

const SHOWN_MAX = 40;
/** Before anything is typed, so many of a group are shown. */
const OFFERED = 5;
const RUNS = 30;
const ALL_RUNS: RunFilter = { workflow: "", states: [], text: "", sinceS: 0, minSeconds: "", maxSeconds: "" };

/** Any page, workflow, run or command, by a few letters of its name. */
export function Palette() {
  return (
    <Dialog.Root open onOpenChange={(open) => paletteOpen.set(open)}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="palette" aria-describedby={undefined}>
          <Dialog.Title className="visually-hidden">Search and commands</Dialog.Title>
          <Finder />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Finder() {
  const id = useId();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const entries = useEntries();
  const found = useMemo(() => search(entries, text), [entries, text]);
  const current = Math.min(chosen, found.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [current, found]);
  const take = (index: number): void => {
    const entry = found[index]?.entry;
    if (entry === undefined) return;
    paletteOpen.set(false);
    entry.run();
  };
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setChosen((current + step + found.length) % Math.max(found.length, 1));
    else if (event.key === "Enter" && !event.nativeEvent.isComposing) take(current);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div className="palette-input">
        <Search size={17} aria-hidden />
        <input
          role="combobox"
          aria-label="Search pages, workflows, runs and commands"
          aria-expanded
          aria-controls={`${id}-list`}
          aria-activedescendant={found.length === 0 ? undefined : `${id}-${current}`}
          placeholder="Where to, or what to do?"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setChosen(0);
          }}
          onKeyDown={move}
          autoComplete="off"
          spellCheck={false}
        />
        <kbd>Esc</kbd>
      </div>
      <div
        ref={list}
        id={`${id}-list`}
        className="palette-list"
        role="listbox"
        aria-label="What was found"
        tabIndex={-1}
      >
        {found.map((each, index) => (
          <Option
            key={each.entry.id}
            id={`${id}-${index}`}
            found={each}
            isFirst={found[index - 1]?.entry.group !== each.entry.group}
            isChosen={index === current}
            onPoint={() => setChosen(index)}
            onTake={() => take(index)}
          />
        ))}
      </div>
      <p role="status" className={found.length === 0 ? "palette-none muted" : "visually-hidden"}>
        {found.length === 0 ? `Nothing is called like “${text}”.` : `${found.length} found`}
      </p>
    </>
  );
}

interface OptionProps {
  readonly id: string;
  readonly found: Found;
  /** True for the first one of its group. */
  readonly isFirst: boolean;
  readonly isChosen: boolean;
  readonly onPoint: () => void;
  readonly onTake: () => void;
}

function Option({ id, found: { entry, at }, isFirst, isChosen, onPoint, onTake }: OptionProps) {
  const Icon = entry.icon;
  return (
    <>
      {isFirst && (
        <div className="palette-group" role="presentation">
          {entry.group}
        </div>
      )}
      {/* The field keeps the focus and has the keys; here is only what the mouse does. */}
      {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events */}
      <div
        id={id}
        role="option"
        aria-selected={isChosen}
        tabIndex={-1}
        className="palette-option"
        onPointerMove={onPoint}
        onClick={onTake}
      >
        <Icon size={16} aria-hidden />
        <span className="truncate">
          <Marked text={entry.label} at={at} />
        </span>
        {entry.detail !== undefined && <span className="faint truncate palette-detail">{entry.detail}</span>}
      </div>
    </>
  );
}

function Marked({ text, at }: { readonly text: string; readonly at: readonly number[] }) {
  if (at.length === 0) return text;
  const marked = new Set(at);
  return text.split("").map((letter, index) => (marked.has(index) ? <mark key={index}>{letter}</mark> : letter));
}

function search(entries: readonly Entry[], text: string): readonly Found[] {
  if (text.trim() === "") return offered(entries).map((entry) => ({ entry, at: [], score: 0 }));
  const found = entries.flatMap((entry): Found[] => {
    const byLabel = fuzzyMatch(text, entry.label);
    if (byLabel !== undefined) return [{ entry, at: byLabel.at, score: byLabel.score + 5 }];
    const byWords = fuzzyMatch(text, `${entry.words ?? ""} ${entry.detail ?? ""}`);
    const isClose = byWords !== undefined && byWords.score >= text.trim().length * 4;
    return isClose ? [{ entry, at: [], score: byWords.score - 10 }] : [];
  });
  const best = found.toSorted((a, b) => b.score - a.score).slice(0, SHOWN_MAX);
  // Groups stand in the order of the best in each.
  const groups = [...new Set(best.map(({ entry }) => entry.group))];
  return groups.flatMap((group) => best.filter(({ entry }) => entry.group === group));
}

function offered(entries: readonly Entry[]): readonly Entry[] {
  const counts = new Map<string, number>();
  return entries.filter(({ group }) => {
    const count = (counts.get(group) ?? 0) + 1;
    counts.set(group, count);
    return group === "Pages" || group === "Commands" || count <= OFFERED;
  });
}

function useEntries(): readonly Entry[] {
  const navigate = useNavigate();
  const signOut = useSignOut();
  const { data: workflows } = useQuery(workflowsQuery);
  const { data: runs } = useQuery(newestRunsQuery(ALL_RUNS, RUNS));
  const { data: stores } = useQuery(dataStoresQuery);
  return useMemo(() => {
    const go = (to: string) => (): void => void navigate(to);
    const ofWorkflows = (workflows ?? []).map(({ id = "", displayName = "" }): Entry => {
      const to = `/workflows/${encodeURIComponent(id)}`;
      return { id: to, group: "Workflows", label: displayName, icon: Workflow, run: go(to) };
    });
    const ofRuns = (runs?.runs ?? []).map(({ id = "", workflowDisplayName = "", state }): Entry => {
      const label = `${workflowDisplayName === "" ? "deleted workflow" : workflowDisplayName} · ${id.slice(-8)}`;
      const detail = stateLabel(state);
      return {
        id: `/runs/${id}`,
        group: "Newest runs",
        label,
        detail,
        words: id,
        icon: History,
        run: go(`/runs/${id}`),
      };
    });
    const ofStores = (stores ?? []).map(({ name }): Entry => {
      const to = `/data-stores/${encodeURIComponent(idOf(name))}`;
      return { id: to, group: "Data stores", label: idOf(name), icon: Database, run: go(to) };
    });
    return [...commands(go, signOut), ...ofWorkflows, ...pages(go), ...ofRuns, ...ofStores];
  }, [navigate, signOut, workflows, runs, stores]);
}

const FURTHER = [
  ["/accounts/apps", "Apps", "oauth client definition"],
  ["/settings", "Settings: you", "password sessions"],
  ["/settings/users", "Settings: users", "people roles administrators"],
  ["/settings/api-keys", "Settings: API keys", "tokens programs"],
  ["/settings/project", "Settings: project", "retention history storage mail queue limit"],
  ["/settings/house", "Settings: house", "about version schedulers gateways database"],
] as const;

function pages(go: (to: string) => () => void): readonly Entry[] {
  const places = PLACES.flatMap((group) => group.places).filter(({ to }) => to !== "/settings");
  const settings = PLACES.flatMap((group) => group.places).find(({ to }) => to === "/settings")!;
  return [
    ...places.map(({ to, label, words, icon }): Entry => ({ id: to, group: "Pages", label, words, icon, run: go(to) })),
    ...FURTHER.map(([to, label, words]): Entry => {
      const icon = to.startsWith("/settings") ? settings.icon : places.find((each) => each.to === "/accounts")!.icon;
      return { id: to, group: "Pages", label, words, icon, run: go(to) };
    }),
  ];
}

function commands(go: (to: string) => () => void, signOut: () => void): readonly Entry[] {
  const command = (label: string, words: string, icon: LucideIcon, run: () => void): Entry => {
    return { id: `command ${label}`, group: "Commands", label, words, icon, run };
  };
  return [
    command("New workflow", "create add make", CirclePlus, go("/?new")),
    command("Theme: light", "bright day switch", Sun, () => chooseTheme("light")),
    command("Theme: dark", "night switch", Moon, () => chooseTheme("dark")),
    command("Theme: as the system", "automatic switch", Monitor, () => chooseTheme("system")),
    command("Keyboard shortcuts", "help keys", Keyboard, () => helpOpen.set(true)),
    command("Sign out", "leave log out", LogOut, signOut),
  ];
}
