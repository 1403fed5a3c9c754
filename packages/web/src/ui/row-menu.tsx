import { EllipsisVertical } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "./button.tsx";
import { Menu } from "./menu.tsx";

/** What can be done with one row of a table. */
export function RowMenu({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <Menu trigger={<IconButton kind="plain" label={label} icon={<EllipsisVertical size={16} aria-hidden />} />}>
      {children}
    </Menu>
  );
}
