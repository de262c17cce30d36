// The banner while nothing is sent as a whole: what is looked at below waits for it.
import { useInfo } from "../api/queries.ts";

const WORDS = {
  paused: "All sending is paused. Deliveries are made and held; posthorn resume-all ends it.",
  other_installation:
    "Nothing is sent: this database is of another installation, as a copy’s is. Deliveries are made and held.",
};

export function HeldBanner() {
  const { data } = useInfo("session.info", {}, { slowly: true });
  const reason = data?.sending_held;
  if (!reason) return null;
  return (
    <p className="shell-held" role="status">
      {WORDS[reason]}
    </p>
  );
}
