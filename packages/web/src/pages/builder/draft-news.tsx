import { UsersRound, X } from "lucide-react";
import { IconButton } from "../../ui/button.tsx";
import { useBuilder } from "./builder-context.ts";

/** Tells at once what somebody else does in the same draft. */
export function DraftNews() {
  const { view, session } = useBuilder();
  return (
    <div role="status" className="draft-news">
      {view.news !== "" && (
        <p>
          <UsersRound size={15} aria-hidden />
          <span>{view.news}</span>
          <IconButton
            kind="plain"
            label="Dismiss"
            icon={<X size={14} aria-hidden />}
            onClick={() => session.dismissNews()}
          />
        </p>
      )}
    </div>
  );
}
