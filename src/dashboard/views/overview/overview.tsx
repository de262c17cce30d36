// How it goes: what is in trouble first.
import { useInfo } from "../../api/queries.ts";
import { Stale } from "../../parts/stale.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { Facts, View } from "../../parts/view.tsx";
import { duration } from "../../parts/time.tsx";

export default function Overview() {
  const { data, failure, isLoading, retry } = useInfo("stats.overview", {});
  return (
    <View title="Overview">
      {isLoading && <Loading />}
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {data && (
        <>
          <Stale failure={failure} onRetry={retry} />
          <Facts
            facts={[
              ["Delivered, 24 h", data.totals.delivered.toLocaleString("en")],
              ["Retried, 24 h", data.totals.retried.toLocaleString("en")],
              ["Dead, 24 h", data.totals.dead.toLocaleString("en")],
              [
                "Answer, p95",
                data.totals.attempt_latency ? duration(data.totals.attempt_latency.p95_ms) : "none",
              ],
            ]}
          />
        </>
      )}
    </View>
  );
}
