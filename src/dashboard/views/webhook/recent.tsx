// A webhook's newest deliveries; the list of deliveries has the rest.
import { linkTo, paths } from "../../address/links.ts";
import { useInfo } from "../../api/queries.ts";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { duration, Time } from "../../parts/time.tsx";
import { Section } from "../../parts/view.tsx";

const SHOWN = 10;

export function RecentDeliveries({ id }: { id: string }) {
  const { data, failure, retry } = useInfo("deliveries.list", { webhook_id: id, page_size: SHOWN });
  return (
    <Section
      title="Newest deliveries"
      actions={<a href={linkTo(paths.deliveries, { webhook_id: id })}>All deliveries</a>}
    >
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {!data && !failure && <Loading />}
      {data && data.data.length === 0 && <Empty title="No deliveries yet" />}
      {data && data.data.length > 0 && (
        <ul className="list-plain">
          {data.data.map((delivery) => (
            <li key={delivery.id}>
              <Status is={delivery.status} />
              <a href={linkTo(paths.delivery(delivery.id))}>{delivery.type}</a>
              {delivery.sequence !== null && <span>no. {delivery.sequence}</span>}
              {delivery.last_attempt && (
                <span>
                  {delivery.last_attempt.status ?? delivery.last_attempt.reason} in{" "}
                  {duration(delivery.last_attempt.duration_ms)}
                </span>
              )}
              {delivery.waiting_for && <span>waits: {delivery.waiting_for}</span>}
              {delivery.next_attempt_at && delivery.status === "pending" && (
                <span>
                  next <Time at={delivery.next_attempt_at} isComing />
                </span>
              )}
              <Time at={delivery.created_at} />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
