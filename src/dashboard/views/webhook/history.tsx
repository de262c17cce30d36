// What was changed of a webhook: its health and its settings, when, and by whom.
import { useState } from "react";
import { Button } from "@mantine/core";

import { useInfo } from "../../api/queries.ts";
import type { Row } from "../../api/operations.ts";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { visible } from "../../parts/text.ts";
import { Time } from "../../parts/time.tsx";
import { Section } from "../../parts/view.tsx";

type Change = Row<"webhooks.history">;

const FEW = 10;
const MANY = 200;
const TEXT_MAX = 200; // of a value: headers may hold 4 KiB each

export function History({ id }: { id: string }) {
  const [isLong, setLong] = useState(false);
  const { data, failure, retry } = useInfo(
    "webhooks.history",
    { id, page_size: isLong ? MANY : FEW },
    { keepsPrevious: true },
  );
  return (
    <Section title="History">
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {!data && !failure && <Loading />}
      {data && data.data.length === 0 && <Empty title="Nothing was changed" />}
      {data && data.data.length > 0 && (
        <ol className="list-plain">
          {data.data.map((change, index) => (
            <li key={`${change.at} ${index}`}>
              <Time at={change.at} as="clock" />
              <span>{wordsOf(change)}</span>
              <span className="dim">by {change.by ? visible(change.by.name) : "the service"}</span>
            </li>
          ))}
        </ol>
      )}
      {data?.pagination_data.next_cursor && !isLong && (
        <Button size="xs" variant="default" onClick={() => setLong(true)}>
          Show more
        </Button>
      )}
    </Section>
  );
}

function wordsOf({ kind, changes }: Change): string {
  if (kind === "subscribed") return "Subscribed";
  if (kind === "deleted") return "Deleted";
  return changes
    .map(({ field, from, to }) => `${field}: ${printed(from)} → ${printed(to)}`)
    .join("; ");
}

function printed(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return visible(text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text);
}
