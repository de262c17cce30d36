// What an event type was before: each change of it, when, and by whom.
import { useInfo } from "../../api/queries.ts";
import type { Row } from "../../api/operations.ts";
import { Payload } from "../../parts/payload.tsx";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { visible } from "../../parts/text.ts";
import { Time } from "../../parts/time.tsx";
import { Section } from "../../parts/view.tsx";
import { judgedBy } from "./judged.ts";

type Version = Row<"event_types.history">;

const KEPT = 20;

export function Versions({ name }: { name: string }) {
  const { data, failure, retry } = useInfo("event_types.history", { name, page_size: KEPT });
  return (
    <Section title="Versions">
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {!data && !failure && <Loading />}
      {data && data.data.length === 0 && (
        <Empty title="It was not changed yet">A publish has added it.</Empty>
      )}
      {data && data.data.length > 0 && (
        <ol className="list-plain">
          {data.data.map((version) => (
            <li key={version.version}>
              <Shown version={version} />
            </li>
          ))}
        </ol>
      )}
    </Section>
  );
}

function Shown({ version }: { version: Version }) {
  const { at, by, description, schema, example, is_archived } = version;
  const words = is_archived ? "archived" : judgedBy(version).word;
  return (
    <details>
      <summary>
        Version {version.version}, <Time at={at} as="clock" />, {words}{" "}
        <span className="dim">by {by ? visible(by.name) : "the service"}</span>
      </summary>
      <p>{visible(description ?? "Nothing is said of it.")}</p>
      <Payload
        text={JSON.stringify({ schema, example }, null, 2)}
        what={`schema and example of version ${version.version}`}
      />
    </details>
  );
}
