import { segment } from "../../api/http.ts";
import { TabLinks } from "../../ui/tabs.tsx";

/** The pages of one workflow. */
export function WorkflowTabs({ id }: { readonly id: string }) {
  const base = `/workflows/${segment(id)}`;
  return (
    <TabLinks
      label="Workflow"
      links={[
        [base, "Overview"],
        [`${base}/build`, "Builder"],
        [`${base}/versions`, "Versions"],
      ]}
    />
  );
}
