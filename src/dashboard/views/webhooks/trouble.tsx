// What is wrong with a webhook: since when, why, what waits because of it, and when that is dropped.
import type { ReactNode } from "react";

import { linkTo, paths } from "../../address/links.ts";
import { useInfo } from "../../api/queries.ts";
import { Time } from "../../parts/time.tsx";
import { visible } from "../../parts/text.ts";
import { number } from "../../parts/words.ts";
import { useSignedIn } from "../../session/session.ts";
import { standingOf, type ListedWebhook, type WebhookInfo } from "./webhook.ts";

type Troubled = ListedWebhook | WebhookInfo;

const FIELD_OF: Record<string, string> = {
  disabled: "health",
  failing: "health",
  paused: "paused",
  unsubscribed: "status",
};

/** Since when it stands so: its newest change of that field. */
function useSince(webhook: Troubled, tenant?: string): string | null {
  const field = FIELD_OF[standingOf(webhook)];
  const { data } = useInfo(
    "webhooks.history",
    { id: webhook.id, page_size: 50 },
    { slowly: true, when: field !== undefined, tenant },
  );
  return data?.data.find(({ changes }) => changes.some((each) => each.field === field))?.at ?? null;
}

/** The first of what is held, and when it is dropped; null where nothing is. */
function useHold({ id }: Troubled, isHeld: boolean, tenant?: string) {
  const { data } = useInfo(
    "deliveries.list",
    { webhook_id: id, status: "pending", oldest_first: true, page_size: 1 },
    { slowly: true, when: isHeld, tenant },
  );
  const first = data?.data[0];
  const { data: why } = useInfo(
    "events.why_not",
    { id: first?.event_id ?? "", webhook_id: id },
    { slowly: true, when: first !== undefined, tenant },
  );
  const droppedAt = why?.data.find(({ delivery_id }) => delivery_id === first?.id)?.held_until;
  return first ? { since: first.created_at, droppedAt: droppedAt ?? null } : null;
}

type TroubleProps = {
  webhook: Troubled;
  pending: number;
  /** Whose it is, where it is not of the tenant that is looked at. */
  tenant?: string | undefined;
};

/** Says all of it in sentences. */
export function Trouble({ webhook, pending, tenant }: TroubleProps) {
  const { disable_after_h } = useSignedIn().settings;
  const standing = standingOf(webhook);
  const isHeld = standing === "disabled" || standing === "paused" || standing === "resting";
  const since = useSince(webhook, tenant);
  const hold = useHold(webhook, isHeld && pending > 0, tenant);
  return (
    <>
      <Since what={WHAT[standing] ?? standing} since={since} />
      {webhook.health_reason && WHY_HELD.includes(standing) && (
        <> {WHY[webhook.health_reason] ?? visible(webhook.health_reason)}</>
      )}
      {standing === "resting" && webhook.resting_until && (
        <>
          {" "}
          Its receiver asked to be left alone until <Time at={webhook.resting_until} as="clock" />.
        </>
      )}
      {standing === "failing" && disable_after_h > 0 && (
        <> Without a success in {disable_after_h} h of failures it is disabled.</>
      )}
      {pending > 0 && (
        <>
          {" "}
          <a
            className="is-above"
            href={linkTo(paths.deliveries, { webhook_id: webhook.id, status: "pending" }, tenant)}
          >
            {number(pending)} {isHeld ? "held" : "pending"}
          </a>
          {hold ? (
            <>
              , the first made <Time at={hold.since} />
              {hold.droppedAt && (
                <>
                  {" "}
                  and dropped <Time at={hold.droppedAt} isComing />
                </>
              )}
            </>
          ) : null}
          .
        </>
      )}
    </>
  );
}

const WHAT: Record<string, string> = {
  disabled: "Disabled",
  failing: "Failing",
  paused: "Paused",
  unsubscribed: "Unsubscribed",
  resting: "Left alone",
};

function Since({ what, since }: { what: string; since: string | null }): ReactNode {
  if (since === null) return <strong>{what}.</strong>;
  return (
    <>
      <strong>{what}</strong> since <Time at={since} as="clock" /> (<Time at={since} />
      ).
    </>
  );
}

const WHY_HELD = ["disabled", "failing"];
const WHY: Record<string, string> = {
  gone: "Its receiver answered 410 Gone.",
  no_success: "Nothing succeeded for too long.",
  delivery_dead: "A delivery is dead: the last of its attempts failed too.",
  attempts_failed: "Five attempts in a row failed, over five minutes.",
  released: "It was let go again, and nothing has succeeded since.",
};
