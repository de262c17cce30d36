// What a row of the webhooks says.
import { linkTo, paths } from "../../address/links.ts";
import type { Output } from "../../api/operations.ts";
import { Sparkline } from "../../parts/sparkline.tsx";
import { everyBucket } from "../../parts/stats.tsx";
import { Status } from "../../parts/status.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { number } from "../../parts/words.ts";
import { standingOf, type ListedWebhook } from "./webhook.ts";

type Stats = Output<"stats.webhooks">;
type OfStats = { stats: Stats | undefined };

const some = (value: number | undefined) => (value === undefined ? "" : number(value));

/** The columns, with what there is of statistics yet. */
export function webhookColumns(stats: Stats | undefined): Column<ListedWebhook>[] {
  return [
    {
      title: "URL",
      cell: ({ url }) => (
        <span className="mono stranger" title={url}>
          {url}
        </span>
      ),
    },
    { title: "Health", width: "124px", cell: (row) => <Status is={standingOf(row)} /> },
    {
      title: "Last success",
      width: "108px",
      cell: ({ counts }) =>
        counts?.last_success_at ? (
          <Time at={counts.last_success_at} />
        ) : (
          <span className="dim">never</span>
        ),
    },
    {
      title: "Success, 24 h",
      width: "116px",
      cell: ({ id, tenant }) => <SuccessRate stats={stats} id={id} tenant={tenant} />,
    },
    {
      title: "Delivered",
      width: "88px",
      isNumber: true,
      cell: ({ counts }) => some(counts?.delivered),
    },
    {
      title: "Dead",
      width: "66px",
      isNumber: true,
      cell: ({ id, tenant, counts }) =>
        counts?.dead ? (
          <a
            className="is-above is-bad"
            href={linkTo(paths.deliveries, { webhook_id: id, status: "dead" }, tenant)}
          >
            {number(counts.dead)}
          </a>
        ) : (
          some(counts?.dead)
        ),
    },
    {
      title: "Pending",
      width: "78px",
      isNumber: true,
      cell: ({ counts }) => some(counts?.pending),
    },
  ];
}

// The share of attempts that were delivered, hour by hour; where there was none, as before.
function SuccessRate({ stats, id, tenant }: Pick<ListedWebhook, "id" | "tenant"> & OfStats) {
  const own = stats?.data.find((each) => each.id === id && each.tenant === tenant);
  if (!stats || !own) return null;
  const { attempts, delivered } = own.totals;
  if (attempts === 0) return <span className="dim">no attempts</span>;
  const rate = Math.round((delivered / attempts) * 100);
  let before = 1;
  const { values } = everyBucket({ ...stats, ...own });
  const rates = values(
    (bucket) => (bucket.attempts === 0 ? null : bucket.delivered / bucket.attempts),
    null,
  ).map((each) => (before = each ?? before));
  return <Sparkline values={rates} max={1} label={`${rate} % of attempts delivered in 24 h`} />;
}
