// A new event type.
import { goTo, linkTo, paths } from "../../address/links.ts";
import { useAction } from "../../api/queries.ts";
import { say } from "../../parts/notices.tsx";
import { View } from "../../parts/view.tsx";
import { TypeForm, type TypeGiven } from "./form.tsx";
import "./event-types.css";

const EMPTY = { name: "", description: "", schema: "", example: "", enforce: true };

export default function CreateEventType() {
  const create = useAction("event_types.create");
  const submit = async (given: TypeGiven) => {
    const made = await create.run(given);
    if (!made) return;
    say("The event type is made");
    goTo(paths.eventType(made.name));
  };
  return (
    <View title="New event type" above={{ href: linkTo(paths.eventTypes), text: "Event types" }}>
      <TypeForm
        isNew
        initial={EMPTY}
        failure={create.failure}
        isRunning={create.isRunning}
        onSubmit={(given) => void submit(given)}
      />
    </View>
  );
}
