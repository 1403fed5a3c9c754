import { useParams } from "react-router";
import { segment } from "../../api/http.ts";
import { TabLinks } from "../../ui/tabs.tsx";

/** The pages of one workflow. */
export function WorkflowTabs({ id }: { readonly id: string }) {
  // Pages are found by id and by name: the tabs stay with what the address has.
  const { workflow = id } = useParams();
  const base = `/workflows/${segment(workflow)}`;
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
