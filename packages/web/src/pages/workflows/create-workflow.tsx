import { useQueryClient } from "@tanstack/react-query";
import { FilePlus2, LayoutTemplate } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { addStep, createWorkflow, deleteWorkflow } from "../../api/drafts.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { useSave } from "../../ui/use-save.ts";
import { WORKFLOW_TEMPLATES, type WorkflowTemplate } from "../builder/templates.ts";
import "./create-workflow.css";

const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._-]*[\p{L}\p{M}\p{N}._-])?$/u;
const NAME_MAX = 64;

const EMPTY: WorkflowTemplate = {
  id: "empty",
  title: "Empty",
  about: "An HTTP address, and no step yet.",
  name: "my-workflow",
  steps: [],
};

const CHOICES: readonly WorkflowTemplate[] = [EMPTY, ...WORKFLOW_TEMPLATES];

export interface CreateWorkflowProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  /** Names that are taken. */
  readonly taken: ReadonlySet<string>;
}

/** Asks what a new workflow is called and how it begins, and leads to its builder. */
export function CreateWorkflow({ open, onOpenChange, taken }: CreateWorkflowProps) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [template, setTemplate] = useState(EMPTY);
  const [typed, setTyped] = useState<string>();
  const name = typed ?? freeName(template.name, taken);
  const wrong = problemOf(name.trim(), taken);
  const create = useSave({
    save: () => createFrom(template, name.trim()),
    changes: [["workflows"]],
    always: (id) => client.removeQueries({ queryKey: ["draft", id] }),
    then: (id) => void navigate(`/workflows/${encodeURIComponent(id)}/build`),
  });
  return (
    <FormDialog
      open={open}
      onOpenChange={onOpenChange}
      title="New workflow"
      size="large"
      submit="Create"
      valid={wrong === undefined}
      busy={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate()}
    >
      <Field label="Name" error={wrong} hint="Letters, digits, spaces, dots, hyphens and underscores">
        {(control) => (
          <input
            {...control}
            className="input"
            value={name}
            maxLength={NAME_MAX}
            spellCheck={false}
            autoFocus
            onFocus={(event) => event.target.select()}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
      </Field>
      <fieldset className="template-grid">
        <legend>Begin with</legend>
        {CHOICES.map((each) => (
          <label key={each.id} className="template-card">
            <input
              type="radio"
              name="template"
              value={each.id}
              checked={each.id === template.id}
              onChange={() => setTemplate(each)}
            />
            {each.id === EMPTY.id ? <FilePlus2 size={17} aria-hidden /> : <LayoutTemplate size={17} aria-hidden />}
            <span>
              <span className="template-title">{each.title}</span>
              <span className="template-about">{each.about}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </FormDialog>
  );
}

function problemOf(name: string, taken: ReadonlySet<string>): string | undefined {
  if (name === "") return "A workflow needs a name.";
  if (!NAME.test(name)) return "It begins with a letter or a digit and has letters, digits, spaces, . _ and - only.";
  return taken.has(name) ? "There is a workflow of this name." : undefined;
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`;
    if (!taken.has(name)) return name;
  }
}

/** A workflow with the steps of a template in its draft; all of it or nothing. */
async function createFrom({ steps }: WorkflowTemplate, name: string): Promise<string> {
  const { id = "" } = await createWorkflow(name);
  try {
    for (const { name: displayName, code, options } of steps) {
      await addStep(id, { displayName, code, ...(options && { optionsJson: JSON.stringify(options) }) }, 0);
    }
  } catch (thrown) {
    await deleteWorkflow(id).catch(() => undefined);
    throw thrown;
  }
  return id;
}
