// A webhook's settings, to be changed. The next attempt uses the new ones.
import { Button } from "@mantine/core";
import { useState } from "react";
import { useParams } from "wouter";

import { goTo, linkTo, paths } from "../../address/links.ts";
import { useCatalogue } from "../../api/catalogue.ts";
import { issuesByField } from "../../api/failure.ts";
import type { Output } from "../../api/operations.ts";
import { useAction, useInfo } from "../../api/queries.ts";
import { Form } from "../../parts/form.tsx";
import { say } from "../../parts/notices.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { View } from "../../parts/view.tsx";
import { calledOf } from "../webhooks/webhook.ts";
import { Fields } from "./fields.tsx";
import { PresetSample } from "./preset.tsx";
import { FIELDS, updateInput, valuesOf } from "./values.ts";
import "./form.css";

export default function EditWebhook() {
  const { id } = useParams<{ id: string }>();
  const { data, failure, retry } = useInfo("webhooks.info", { id }, { once: true });
  if (data) return <Editor webhook={data} />;
  return (
    <View title="Edit webhook">
      {failure ? <Failed failure={failure} onRetry={retry} /> : <Loading />}
    </View>
  );
}

function Editor({ webhook }: { webhook: Output<"webhooks.info"> }) {
  const types = useCatalogue();
  const [before] = useState(() => valuesOf(webhook));
  const [values, setValues] = useState(before);
  const update = useAction("webhooks.update");
  const errors = issuesByField(update.failure, FIELDS);
  const submit = async () => {
    const saved = await update.run(updateInput(webhook.id, before, values));
    if (!saved) return;
    say(saved.warnings.length === 0 ? "Saved" : `Saved. ${saved.warnings.join("; ")}`);
    goTo(paths.webhook(webhook.id));
  };
  const called = calledOf(webhook);
  return (
    <View
      title={`Edit ${called}`}
      above={{ href: linkTo(paths.webhook(webhook.id)), text: called }}
    >
      <div className="form-page">
        <Form
          className="card"
          action={update}
          errors={errors}
          submit="Save"
          cancel={
            <Button component="a" variant="default" href={linkTo(paths.webhook(webhook.id))}>
              Cancel
            </Button>
          }
          onSubmit={submit}
        >
          <Fields
            isNew={false}
            types={types}
            values={values}
            errors={errors}
            onChange={(changes) => setValues({ ...values, ...changes })}
          />
        </Form>
        <PresetSample values={values} types={types} />
      </div>
    </View>
  );
}
