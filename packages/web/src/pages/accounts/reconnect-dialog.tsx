import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { accountsQuery, idOf } from "../../api/resources.ts";
import type { Account } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { useSave } from "../../ui/use-save.ts";
import { Authorizing, beginAuthorizing, openProviderWindow, type Asked } from "./authorize.tsx";

/** Has an account allowed again at its provider. */
export function ReconnectDialog({ account, onClose }: { readonly account: Account; readonly onClose: () => void }) {
  const client = useQueryClient();
  const name = idOf(account.name);
  const [asked, setAsked] = useState<Asked>();
  const begin = useSave({
    save: (opened: Window | null) => beginAuthorizing(name, opened),
    changes: [],
    then: setAsked,
  });
  const done = useCallback(() => void client.invalidateQueries({ queryKey: accountsQuery.queryKey }), [client]);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Authorize ${name}`}
      about="Its provider is asked in a window of its own. Steps go on with the old token until the new one is there."
    >
      {asked !== undefined && <Authorizing name={name} asked={asked} before={account} onDone={done} />}
      {begin.isError && <ErrorNote error={begin.error} />}
      <footer>
        <Button onClick={onClose}>Close</Button>
        {asked === undefined && (
          <Button kind="primary" busy={begin.isPending} onClick={() => begin.mutate(openProviderWindow())}>
            Go on to the provider
          </Button>
        )}
      </footer>
    </Dialog>
  );
}
