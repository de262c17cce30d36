// One event type: what it tells, its schema and example, and the form that changes them.
import { Button } from "@mantine/core";
import { useState } from "react";
import { useParams } from "wouter";

import { useFilters } from "../../address/filters.ts";
import { goTo, linkTo, paths } from "../../address/links.ts";
import type { EventType as Type } from "../../api/catalogue.ts";
import { useAction, useWhole } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { say } from "../../parts/notices.tsx";
import { Payload } from "../../parts/payload.tsx";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { visible } from "../../parts/text.ts";
import { Time } from "../../parts/time.tsx";
import { Facts, Section, View } from "../../parts/view.tsx";
import { useIsEverywhere, useMay, useSignedIn } from "../../session/session.ts";
import { TypeForm, type TypeGiven } from "./form.tsx";
import { judgedBy } from "./judged.ts";
import { Versions } from "./versions.tsx";
import "./event-types.css";

const ABOVE = () => ({ href: linkTo(paths.eventTypes), text: "Event types" });

export default function EventType() {
  const { name } = useParams<{ name: string }>();
  const { data, failure, retry } = useWhole("event_types.list");
  const type = data?.find((each) => each.name === name);
  if (type) return <Shown type={type} />;
  return (
    <View title={name} above={ABOVE()}>
      {failure && <Failed failure={failure} onRetry={retry} />}
      {!failure && !data && <Loading />}
      {data && (
        <Empty title="There is no such event type">
          It may have been archived, or never been made.
        </Empty>
      )}
    </View>
  );
}

function Shown({ type }: { type: Type }) {
  const may = useMay();
  const { portal } = useSignedIn();
  const isEverywhere = useIsEverywhere();
  const filters = useFilters(["edit"]);
  const isEdited = filters.get("edit") !== "" && may("types");
  const archive = useAction("event_types.delete");
  const update = useAction("event_types.update");
  const [initial, setInitial] = useState(() => valuesOf(type));
  const save = async (given: TypeGiven) => {
    if (!(await update.run(given))) return;
    say("Saved");
    filters.clear();
  };
  const judged = judgedBy(type);
  return (
    <View
      title={type.name}
      above={ABOVE()}
      actions={
        may("types") &&
        !isEdited && (
          <>
            <Button
              size="xs"
              variant="default"
              onClick={() => {
                setInitial(valuesOf(type));
                update.reset();
                filters.set({ edit: "yes" });
              }}
            >
              Edit
            </Button>
            <ConfirmButton
              label="Archive"
              title={`Archive ${type.name}?`}
              isDangerous
              failure={archive.failure}
              onConfirm={async () => {
                const answer = await archive.run({ name: type.name });
                if (answer) goTo(paths.eventTypes);
                return answer;
              }}
            >
              <p>
                Nothing new can subscribe to it. Publishing it goes on, and so do its deliveries.
              </p>
            </ConfirmButton>
          </>
        )
      }
    >
      {isEdited ? (
        <>
          <Button size="xs" variant="default" className="type-back" onClick={filters.clear}>
            Cancel
          </Button>
          <TypeForm
            isNew={false}
            initial={initial}
            failure={update.failure}
            isRunning={update.isRunning}
            onSubmit={(given) => void save(given)}
          />
        </>
      ) : (
        <>
          <Facts
            facts={[
              ["What it tells", visible(type.description ?? "nothing is said of it")],
              ["Payload", <Status is={judged.word} kind={judged.kind} />],
              ["Made", <Time at={type.created_at} as="clock" />],
              ["Changed", <Time at={type.updated_at} as="clock" />],
              [
                "Events",
                <a href={linkTo(paths.events, { type: type.name })}>Those of this type</a>,
              ],
            ]}
          />
          <div className="charts">
            <Part title="Schema" value={type.schema} none="It has no schema." />
            <Part title="Example" value={type.example} none="It has no example." />
          </div>
          {portal === null && !isEverywhere && <Versions name={type.name} />}
        </>
      )}
    </View>
  );
}

function Part({ title, value, none }: { title: string; value: unknown; none: string }) {
  return (
    <Section title={title}>
      {value === null || value === undefined ? (
        <p className="dim">{none}</p>
      ) : (
        <Payload text={JSON.stringify(value, null, 2)} what={`the ${title.toLowerCase()}`} />
      )}
    </Section>
  );
}

function valuesOf({ name, description, schema, example, enforce }: Type) {
  const text = (value: unknown) =>
    value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
  return {
    name,
    description: description ?? "",
    schema: text(schema),
    example: text(example),
    enforce,
  };
}
