// A new webhook: its fields, and beside them what will arrive.
import { Button } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";

import { goTo, linkTo, paths } from "../../address/links.ts";
import { useCatalogue } from "../../api/catalogue.ts";
import { issuesByField } from "../../api/failure.ts";
import { useAction } from "../../api/queries.ts";
import { newName } from "../../chance.ts";
import { say } from "../../parts/notices.tsx";
import { ShownOnce } from "../../parts/secret.tsx";
import { Failed } from "../../parts/states.tsx";
import { View } from "../../parts/view.tsx";
import { Fields } from "./fields.tsx";
import { PresetSample } from "./preset.tsx";
import { Snippet } from "./snippet.tsx";
import { FIELDS, NEW, subscribeInput } from "./values.ts";
import "./form.css";

export default function CreateWebhook() {
  const types = useCatalogue();
  const [values, setValues] = useState(NEW);
  const [name] = useState(newName); // pressed twice, or after an answer was lost: still one webhook
  const [made, setMade] = useState<{ id: string; key: string } | null>(null);
  const subscribe = useAction("webhooks.subscribe");
  const errors = issuesByField(subscribe.failure, FIELDS);
  const done = (id: string) => {
    say("The webhook is subscribed");
    goTo(paths.webhook(id));
  };
  const submit = async (event: SyntheticEvent) => {
    event.preventDefault();
    const webhook = await subscribe.run(subscribeInput(values, `dashboard-${name}`));
    if (!webhook) return;
    if (webhook.signature_key === undefined) done(webhook.id);
    else setMade({ id: webhook.id, key: webhook.signature_key });
  };
  return (
    <View title="New webhook" above={{ href: linkTo(paths.webhooks), text: "Webhooks" }}>
      <div className="form-page">
        <form className="form card" onSubmit={(event) => void submit(event)}>
          <Fields
            isNew
            types={types}
            values={values}
            errors={errors}
            onChange={(changes) => setValues({ ...values, ...changes })}
          />
          {subscribe.failure && (subscribe.failure.issues.length === 0 || errors[""]) && (
            <Failed failure={subscribe.failure} />
          )}
          <div className="form-foot">
            <Button type="submit" loading={subscribe.isRunning}>
              Create
            </Button>
          </div>
        </form>
        <PresetSample values={values} types={types} />
      </div>
      <ShownOnce
        title="The signing key"
        what="the signing key"
        secret={made?.key ?? null}
        onStored={() => {
          if (made) done(made.id);
        }}
      >
        <Snippet preset={values.preset} />
      </ShownOnce>
    </View>
  );
}
