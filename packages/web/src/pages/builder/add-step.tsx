import { useQuery } from "@tanstack/react-query";
import { Code, LayoutTemplate, Plug, Plus } from "lucide-react";
import { Popover } from "radix-ui";
import { useId, useState } from "react";
import { Link } from "react-router";
import { accountsQuery, appsQuery, idOf } from "../../api/resources.ts";
import { Button } from "../../ui/button.tsx";
import { Select } from "../../ui/select.tsx";
import { toast } from "../../ui/toast.tsx";
import { useBuilder } from "./builder-context.ts";
import { accountTemplate, EMPTY_STEP, STEP_TEMPLATES, type StepTemplate } from "./templates.ts";
import "./step-list.css";

export interface AddStepProps {
  /** Where the step is to stand, from 1. */
  readonly place: number;
  readonly last: boolean;
}

/** The + between steps, and what it offers. */
export function AddStep({ place, last }: AddStepProps) {
  const [open, setOpen] = useState(false);
  const { session, select } = useBuilder();
  const add = async (template: StepTemplate): Promise<void> => {
    setOpen(false);
    const { name, code, options } = template;
    const step = {
      displayName: name,
      ...(code !== "" && { code }),
      ...(options && { optionsJson: JSON.stringify(options) }),
    };
    try {
      // Its first line: whoever adds a step wants to write.
      select(await session.add(step, place), 1);
    } catch (thrown) {
      toast(thrown instanceof Error ? thrown.message : String(thrown), "bad");
    }
  };
  return (
    <div className={last ? "add-step last" : "add-step"}>
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger asChild>
          <button
            type="button"
            className="add-button"
            aria-label={last ? "Add a step" : `Add a step at place ${place}`}
          >
            <Plus size={15} aria-hidden />
            {last && <span>Add a step</span>}
          </button>
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content
            className="menu add-menu"
            side="right"
            align="start"
            sideOffset={8}
            collisionPadding={12}
            aria-label="Add a step"
          >
            <Choices onAdd={(template) => void add(template)} />
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
    </div>
  );
}

function Choices({ onAdd }: { readonly onAdd: (template: StepTemplate) => void }) {
  return (
    <>
      <CustomCode onAdd={onAdd} />
      <section aria-labelledby="templates-heading">
        <h3 id="templates-heading">Templates</h3>
        {STEP_TEMPLATES.map((template) => (
          <Choice key={template.id} template={template} icon={LayoutTemplate} onAdd={onAdd} />
        ))}
      </section>
      <AppChoices onAdd={onAdd} />
    </>
  );
}

function CustomCode({ onAdd }: { readonly onAdd: (template: StepTemplate) => void }) {
  const [language, setLanguage] = useState("python");
  const id = useId();
  return (
    <section className="custom-code" aria-labelledby={`${id}-heading`}>
      <h3 id={`${id}-heading`}>
        <Code size={15} aria-hidden /> Custom Code
      </h3>
      <div className="custom-line">
        <label htmlFor={id} className="visually-hidden">
          Language
        </label>
        <Select id={id} value={language} onChange={setLanguage} options={[["python", "python"]]} />
        <Button kind="primary" onClick={() => onAdd(EMPTY_STEP)}>
          Add code
        </Button>
      </div>
    </section>
  );
}

interface ChoiceProps {
  readonly template: StepTemplate;
  readonly icon: typeof Plug;
  readonly onAdd: (template: StepTemplate) => void;
}

function Choice({ template, icon: Icon, onAdd }: ChoiceProps) {
  return (
    <button type="button" className="choice" onClick={() => onAdd(template)}>
      <Icon size={15} aria-hidden />
      <span>
        <span className="choice-title">{template.title}</span>
        <span className="choice-about">{template.about}</span>
      </span>
    </button>
  );
}

/** A step for each connected account, with it wired already. */
function AppChoices({ onAdd }: { readonly onAdd: (template: StepTemplate) => void }) {
  const accounts = useQuery(accountsQuery);
  const apps = useQuery(appsQuery);
  const connected = (accounts.data ?? []).filter(({ state }) => state === "ACCOUNT_STATE_CONNECTED");
  const titles = new Map((apps.data ?? []).map(({ name, title }) => [name, title]));
  return (
    <section aria-labelledby="apps-heading">
      <h3 id="apps-heading">Connected apps</h3>
      {connected.map(({ name, app = "", fieldNames = [] }) => {
        const template = accountTemplate(idOf(name), idOf(app), titles.get(app) ?? idOf(app), fieldNames);
        return <Choice key={name} template={template} icon={Plug} onAdd={onAdd} />;
      })}
      {connected.length === 0 && accounts.isSuccess && (
        <p className="choice-none">
          No account is connected. <Link to="/accounts">Connect one</Link> to run Python with any API.
        </p>
      )}
    </section>
  );
}
