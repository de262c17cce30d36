// The webhooks that need somebody: which, since when, why, what is held and when that is dropped.
import { linkTo, paths } from "../../address/links.ts";
import { useAddressTenant } from "../../address/hash.ts";
import { useInfo } from "../../api/queries.ts";
import { Failed } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { visible } from "../../parts/text.ts";
import { Section } from "../../parts/view.tsx";
import { EVERYWHERE, useIsEverywhere, useMay } from "../../session/session.ts";
import { Trouble } from "../webhooks/trouble.tsx";
import { calledOf, standingOf, type ListedWebhook } from "../webhooks/webhook.ts";

const SHOWN = 10; // the worst; the list of webhooks has the rest

const needsSomebody = (webhook: ListedWebhook) =>
  webhook.status === "Subscribed" && standingOf(webhook) !== "ok";

export function InTrouble() {
  // An admin who has chosen no tenant looks at all of them.
  const may = useMay();
  const isNamed = useAddressTenant() !== null;
  const isEverywhere = useIsEverywhere() || (!isNamed && may("admin"));
  const { data, failure, retry } = useInfo(
    "webhooks.list",
    { sort: "trouble", with_counts: true, page_size: SHOWN + 1 },
    { tenant: isEverywhere ? EVERYWHERE : undefined },
  );
  if (!data) return failure ? <Failed failure={failure} onRetry={retry} /> : null;
  const troubled = data.data.filter(needsSomebody);
  const but = data.away ? " but those of the cells that are away" : "";
  const where = isEverywhere ? `, of all tenants${but}` : "";
  const title = troubled.length === 0 ? `No webhook is in trouble${where}` : `In trouble${where}`;
  return (
    <Section
      title={title}
      actions={
        troubled.length > SHOWN && (
          <a
            href={linkTo(
              paths.webhooks,
              { sort: "trouble" },
              isEverywhere ? EVERYWHERE : undefined,
            )}
          >
            All webhooks, these first
          </a>
        )
      }
    >
      {troubled.length > 0 && (
        <ul className="troubles">
          {troubled.slice(0, SHOWN).map((webhook) => (
            <li key={`${webhook.tenant ?? ""} ${webhook.id}`}>
              <Status is={standingOf(webhook)} />
              <div>
                <a
                  className="row-link"
                  href={linkTo(paths.webhook(webhook.id), {}, webhook.tenant)}
                >
                  <span className="stranger">{visible(calledOf(webhook))}</span>
                </a>
                {webhook.tenant && <span className="dim"> of {webhook.tenant}</span>}
                <p>
                  <Trouble
                    webhook={webhook}
                    pending={webhook.counts?.pending ?? 0}
                    tenant={webhook.tenant}
                  />
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
