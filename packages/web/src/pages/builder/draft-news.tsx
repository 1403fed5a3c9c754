import { CircleAlert, UsersRound, X } from "lucide-react";
import { IconButton } from "../../ui/button.tsx";
import { useBuilder } from "./builder-context.ts";

/** Tells at once what somebody else does in the same draft, and what this person could not do. */
export function DraftNews() {
  const { view, session } = useBuilder();
  return (
    <div role="status" className="draft-news">
      {view.failure !== "" && (
        <p className="bad">
          <CircleAlert size={15} aria-hidden />
          <span>{view.failure}</span>
          <Dismiss onClick={() => session.dismissNews()} />
        </p>
      )}
      {view.news !== "" && (
        <p>
          <UsersRound size={15} aria-hidden />
          <span>{view.news}</span>
          <Dismiss onClick={() => session.dismissNews()} />
        </p>
      )}
    </div>
  );
}

function Dismiss({ onClick }: { readonly onClick: () => void }) {
  return <IconButton kind="plain" label="Dismiss" icon={<X size={14} aria-hidden />} onClick={onClick} />;
}
