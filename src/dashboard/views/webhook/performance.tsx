// How a webhook fared, over a span that stands in the address.
import { NativeSelect } from "@mantine/core";

import { useFilters } from "../../address/filters.ts";
import { now } from "../../api/clock.ts";
import { useInfo } from "../../api/queries.ts";
import { Failed, Loading } from "../../parts/states.tsx";
import { StatsCharts } from "../../parts/stats.tsx";
import { Section } from "../../parts/view.tsx";

const SPANS = [
  { value: "1", label: "Last hour", bucket_s: 60 },
  { value: "24", label: "Last 24 hours", bucket_s: 3_600 },
  { value: "168", label: "Last 7 days", bucket_s: 3_600 },
  { value: "720", label: "Last 30 days", bucket_s: 86_400 },
] as const;
const STEP_MS = 60_000; // since when, to the minute: asked again with the same words

export function Performance({ id }: { id: string }) {
  const filters = useFilters(["hours"]);
  const hours = filters.get("hours") || "24";
  const bucket_s = SPANS.find(({ value }) => value === hours)?.bucket_s;
  const from = Math.floor((now() - Number(hours) * 3_600_000) / STEP_MS) * STEP_MS;
  const { data, failure, retry } = useInfo(
    "stats.webhook",
    { id, since: new Date(from).toISOString(), bucket_s },
    { keepsPrevious: true },
  );
  return (
    <Section
      title="Over time"
      actions={
        <NativeSelect
          size="xs"
          aria-label="Span"
          data={SPANS.map(({ value, label }) => ({ value, label }))}
          value={hours}
          onChange={(event) => filters.set({ hours: event.currentTarget.value })}
        />
      }
    >
      {failure && <Failed failure={failure} onRetry={retry} />}
      {data ? <StatsCharts stats={data} /> : !failure && <Loading />}
    </Section>
  );
}
