import { CircleCheck, CircleDashed, CircleX } from "lucide-react";
import type { Account, AccountState } from "../../api/generated/types.ts";

const LOOKS = {
  ACCOUNT_STATE_UNSPECIFIED: ["Unknown", "", CircleDashed],
  ACCOUNT_STATE_PENDING: ["Not authorized yet", "warn", CircleDashed],
  ACCOUNT_STATE_CONNECTED: ["Connected", "good", CircleCheck],
  ACCOUNT_STATE_DEAD: ["Reconnect", "bad", CircleX],
} as const satisfies Record<AccountState, readonly [string, string, typeof CircleCheck]>;

/** Whether an account can be used. */
export function AccountStateBadge({ account }: { readonly account: Account }) {
  const [label, tone, Icon] = LOOKS[account.state ?? "ACCOUNT_STATE_UNSPECIFIED"];
  return (
    <span className={`badge ${tone}`}>
      <Icon size={13} aria-hidden />
      {label}
    </span>
  );
}
