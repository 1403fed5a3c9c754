import { Package as PackageIcon, TriangleAlert } from "lucide-react";
import { Popover } from "radix-ui";
import { useId, useState, type FormEvent } from "react";
import { stepId } from "../../api/drafts.ts";
import type { CheckDraftResponse, DraftPackage, DraftStep } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { useBuilder } from "./builder-context.ts";
import { withPackage } from "./package-comment.ts";
import "./package-chips.css";

/** The packages that a step's imports bring, each with its version. */
export function PackageChips({ step, check }: { readonly step: DraftStep; readonly check: CheckDraftResponse }) {
  const { tests } = useBuilder();
  const own = (check.packages ?? []).filter(({ file }) => file === step.file);
  if (own.length === 0) return null;
  // What a test was given stays the lock until something asks for another version.
  const tested = new Map(
    [...tests.values()].flatMap(({ packages = [] }) => packages.map(({ name, version }) => [name, version])),
  );
  return (
    <div className="chips" role="group" aria-label="Packages">
      {own.map((each) => (
        <Chip
          key={`${each.package} ${each.importName}`}
          wanted={each}
          version={each.lockedVersion || tested.get(each.package) || ""}
          step={step}
        />
      ))}
    </div>
  );
}

interface ChipProps {
  readonly wanted: DraftPackage;
  readonly version: string;
  readonly step: DraftStep;
}

function Chip({ wanted, version, step }: ChipProps) {
  const [open, setOpen] = useState(false);
  const { package: name = "", guessed = false } = wanted;
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <button type="button" className={guessed ? "package-chip guessed" : "package-chip"}>
          {guessed ? <TriangleAlert size={13} aria-hidden /> : <PackageIcon size={13} aria-hidden />}
          {name}
          <span className="chip-version">{version || "newest"}</span>
          {guessed && <span className="visually-hidden">guessed by its name</span>}
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="menu chip-menu"
          align="start"
          sideOffset={6}
          collisionPadding={12}
          aria-label={`Package ${name}`}
        >
          <ChipForm wanted={wanted} version={version} step={step} onDone={() => setOpen(false)} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function ChipForm({ wanted, version, step, onDone }: ChipProps & { readonly onDone: () => void }) {
  const { session } = useBuilder();
  const { importName = "", package: name = "", guessed = false, optional = false, requirement = "" } = wanted;
  const [other, setOther] = useState(requirement);
  const id = useId();
  const use = (event: FormEvent): void => {
    event.preventDefault();
    session.edit(stepId(step), { code: withPackage(step.code ?? "", name, other.trim()) });
    onDone();
  };
  return (
    <form className="chip-form" onSubmit={use}>
      <p>
        {importName === "" ? "Asked for by name." : <code>import {importName}</code>}
        {importName !== "" &&
          (guessed ? ` is taken for the package ${name} by its name alone.` : ` means the package ${name}.`)}
      </p>
      <p className="faint">
        {version === ""
          ? "The deploy takes the newest version that fits."
          : `Version ${version} stays until something asks for another.`}
        {optional && " It is left out where it cannot be had."}
      </p>
      <div className="field">
        <label htmlFor={id}>Package, with a version if you like</label>
        <input
          id={id}
          className="input mono"
          value={other}
          spellCheck={false}
          onChange={(event) => setOther(event.target.value)}
        />
        <span className="hint">
          Written into the code as a comment, such as {`# millrace add-package ${name}==1.0`}
        </span>
      </div>
      <Button type="submit" kind="primary" disabled={other.trim() === "" || other.trim() === requirement}>
        Use this one
      </Button>
    </form>
  );
}
