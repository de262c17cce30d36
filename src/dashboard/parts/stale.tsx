// What is shown is old: since when, and why.
import { useNow } from "../api/clock.ts";
import type { Failure } from "../api/failure.ts";
import { freshness } from "../api/refresh.ts";
import { Failed } from "./states.tsx";

/** Stands above what was read before asking again failed. */
export function Stale({ failure, onRetry }: { failure: Failure | null; onRetry(): void }) {
  const { failingSince } = freshness.use();
  useNow();
  if (failure === null) return null;
  const since =
    failingSince === null ? "" : ` Not refreshed since ${clock.format(new Date(failingSince))}.`;
  return <Failed failure={{ ...failure, message: failure.message + since }} onRetry={onRetry} />;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
