import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { accountsQuery, idOf } from "../../api/resources.ts";
import type { Account } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/note.tsx";
import { useSave } from "../../ui/use-save.ts";
import { Authorizing, beginAuthorizing, openProviderWindow } from "./authorize.tsx";

/** Has an account allowed again at its provider. */
export function ReconnectDialog({ account, onClose }: { readonly account: Account; readonly onClose: () => void }) {
  const client = useQueryClient();
  const name = idOf(account.name);
  const [url, setUrl] = useState<string>();
  const begin = useSave({
    save: (opened: Window | null) => beginAuthorizing(name, opened),
    changes: [],
    then: setUrl,
  });
  const done = useCallback(() => void client.invalidateQueries({ queryKey: accountsQuery.queryKey }), [client]);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Authorize ${name}`}
      about="Its provider is asked in a window of its own. Steps go on with the old token until the new one is there."
    >
      {url !== undefined && <Authorizing name={name} url={url} before={account.updateTime} onDone={done} />}
      {begin.isError && <ErrorNote error={begin.error} />}
      <footer>
        <Button onClick={onClose}>Close</Button>
        {url === undefined && (
          <Button kind="primary" busy={begin.isPending} onClick={() => begin.mutate(openProviderWindow())}>
            Go on to the provider
          </Button>
        )}
      </footer>
    </Dialog>
  );
}
