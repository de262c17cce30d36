// The banners while what is looked at below can't go on as a whole: its cell is away, or nothing is sent.
import { useInfo } from "../api/queries.ts";
import { useIsEverywhere, useSignedIn } from "../session/session.ts";

const WORDS = {
  paused: "All sending is paused. Deliveries are made and held; posthorn resume-all ends it.",
  other_installation:
    "Nothing is sent: this database is of another installation, as a copy’s is. Deliveries are made and held.",
};

export function HeldBanner() {
  const { tenant } = useSignedIn();
  const isEverywhere = useIsEverywhere(); // where each list says what it is without
  const { data } = useInfo(
    "session.info",
    {},
    { slowly: true, tenant: isEverywhere ? tenant : undefined },
  );
  const isAway = !isEverywhere && data?.away?.includes(data.cell ?? "");
  const reason = data?.sending_held;
  if (!isAway && !reason) return null;
  return (
    <p className="shell-held" role="status">
      {isAway
        ? `The cell ${data?.cell}, where ${data?.tenant} lives, is away: what it has can neither be read nor changed until that is back. Other cells’ tenants go on.`
        : reason && WORDS[reason]}
    </p>
  );
}
