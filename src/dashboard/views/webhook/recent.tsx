// A webhook's newest deliveries; the list of deliveries has the rest.
import { linkTo, paths } from "../../address/links.ts";
import { listOf } from "../../api/list.ts";
import { useInfo } from "../../api/queries.ts";
import { deliveryColumns } from "../../parts/deliveries.tsx";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { Section } from "../../parts/view.tsx";

const SHOWN = 10;
const COLUMNS = deliveryColumns("status", "answer", "attempts", "next", "sequence", "made");

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
        <Table
          label="newest deliveries"
          list={listOf(data.data)}
          columns={COLUMNS}
          linkTitle="Event type"
          link={(row) => ({ href: linkTo(paths.delivery(row.id)), text: row.type })}
        />
      )}
    </Section>
  );
}
