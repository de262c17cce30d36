// How it goes: what is in trouble first, then how much goes through and how fast; for admins, which tenant to look at.
import type { ReactNode } from "react";

import type { Output } from "../../api/operations.ts";
import { useInfo } from "../../api/queries.ts";
import { chunk } from "../../chunk.tsx";
import { Away } from "../../parts/away.tsx";
import { Stale } from "../../parts/stale.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { StatsCharts } from "../../parts/stats.tsx";
import { duration, Time } from "../../parts/time.tsx";
import { Section, View } from "../../parts/view.tsx";
import { number } from "../../parts/words.ts";
import { useIsEverywhere, useMay, useTenant } from "../../session/session.ts";
import { InTrouble } from "./in-trouble.tsx";
import "./overview.css";

const Tenants = chunk(() => import("./tenants.tsx"), null); // admins alone see it
const HOUR_S = 3_600;
const COUNTED_MAX = 1_000; // of one webhook's pending deliveries

export default function Overview() {
  const may = useMay();
  const tenant = useTenant();
  const isEverywhere = useIsEverywhere();
  const { data, failure, isLoading, retry } = useInfo("stats.overview", { bucket_s: HOUR_S });
  return (
    <View title="Overview">
      <Stale failure={failure && data ? failure : null} onRetry={retry} />
      <InTrouble />
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {isLoading && <Loading />}
      {data && (
        <>
          <Away cells={data.away} />
          <Figures stats={data} />
          <Section title={`Last 24 hours of ${isEverywhere ? "all tenants" : tenant}`}>
            <StatsCharts stats={data} />
          </Section>
        </>
      )}
      {may("admin") && <Tenants />}
    </View>
  );
}

function Figures({ stats: { totals, since, until } }: { stats: Output<"stats.overview"> }) {
  const hours = (Date.parse(until) - Date.parse(since)) / 3_600_000;
  const { delivered, attempts, retried, dead } = totals;
  const share = attempts === 0 ? 0 : ((retried + dead) / attempts) * 100;
  // The oldest of what is pending is what has waited longest, for whatever reason.
  const { data: oldest } = useInfo(
    "deliveries.list",
    { status: "pending", oldest_first: true, page_size: 1 },
    { slowly: true },
  );
  const first = oldest?.data[0];
  const { data: some } = useInfo(
    "webhooks.list",
    { sort: "trouble", with_counts: true, page_size: 200 },
    { slowly: true },
  );
  const pending = some?.data.map(({ counts }) => counts?.pending ?? 0) ?? [];
  const backlog = pending.reduce((sum, each) => sum + each, 0);
  const isMore =
    typeof some?.pagination_data.next_cursor === "string" ||
    pending.some((each) => each >= COUNTED_MAX);
  return (
    <dl className="figures">
      <Figure name="Delivered, 24 h" value={number(delivered)}>
        {number(Number((delivered / Math.max(1, hours)).toFixed(1)))} an hour
      </Figure>
      <Figure name="Failed attempts" value={`${share.toFixed(1)} %`}>
        {number(retried)} retried, {number(dead)} dead
      </Figure>
      <Figure
        name="Answered in, p95"
        value={totals.attempt_latency ? duration(totals.attempt_latency.p95_ms) : "–"}
      >
        {totals.attempt_latency ? `${duration(totals.attempt_latency.p50_ms)} at the median` : ""}
      </Figure>
      <Figure
        name="Begun within, p95"
        value={totals.start_latency ? duration(totals.start_latency.p95_ms) : "–"}
      >
        of the publish
      </Figure>
      <Figure name="Backlog" value={`${number(backlog)}${isMore ? " or more" : ""}`}>
        pending, held ones too
      </Figure>
      <Figure name="Oldest pending" value={first ? <Time at={first.created_at} /> : "none"}>
        {first ? (first.waiting_for ? `waits: ${first.waiting_for}` : "due") : "all has ended"}
      </Figure>
    </dl>
  );
}

type FigureProps = { name: string; value: ReactNode; children: ReactNode };

function Figure({ name, value, children }: FigureProps) {
  return (
    <div className="card">
      <dt>{name}</dt>
      <dd className="figure-value">{value}</dd>
      <dd className="dim">{children}</dd>
    </div>
  );
}
