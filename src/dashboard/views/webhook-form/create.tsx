// A new webhook: its fields, and beside them what will arrive.
import { useState } from "react";

import { goTo, linkTo, paths } from "../../address/links.ts";
import { useCatalogue } from "../../api/catalogue.ts";
import { issuesByField } from "../../api/failure.ts";
import { useAction } from "../../api/queries.ts";
import { newName } from "../../chance.ts";
import { Form } from "../../parts/form.tsx";
import { say } from "../../parts/notices.tsx";
import { ShownOnce } from "../../parts/secret.tsx";
import { View } from "../../parts/view.tsx";
import { Fields } from "./fields.tsx";
import { PresetSample } from "./preset.tsx";
import { Snippet } from "./snippet.tsx";
import { FIELDS, NEW, settingsOf, subscribeInput } from "./values.ts";
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
  const submit = async () => {
    const webhook = await subscribe.run(subscribeInput(values, `dashboard-${name}`));
    if (!webhook) return;
    if (webhook.signature_key === undefined) done(webhook.id);
    else setMade({ id: webhook.id, key: webhook.signature_key });
  };
  return (
    <View title="New webhook" above={{ href: linkTo(paths.webhooks), text: "Webhooks" }}>
      <div className="form-page">
        <Form className="card" action={subscribe} errors={errors} submit="Create" onSubmit={submit}>
          <Fields
            isNew
            types={types}
            values={values}
            errors={errors}
            onChange={(changes) => setValues({ ...values, ...changes })}
          />
        </Form>
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
        <Snippet preset={values.preset} preset_settings={settingsOf(values)} />
      </ShownOnce>
    </View>
  );
}
