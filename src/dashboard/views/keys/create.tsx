// Makes a key, and shows it once.
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";

import { now } from "../../api/clock.ts";
import { issuesByField } from "../../api/failure.ts";
import { useAction } from "../../api/queries.ts";
import { newName } from "../../chance.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { ShownOnce } from "../../parts/secret.tsx";
import { useTenant } from "../../session/session.ts";

const SCOPES = [
  { value: "publish", label: "publish: events, and nothing else" },
  { value: "read", label: "read: look at everything" },
  { value: "manage", label: "manage: look, and change webhooks and types" },
  { value: "admin", label: "admin: everything, of every tenant" },
  { value: "metrics", label: "metrics: /metrics, and nothing else" },
];
const OF_NO_TENANT = ["admin", "metrics"];
const LIVES = [
  { value: "", label: "until it is revoked" },
  { value: "1", label: "for a day" },
  { value: "7", label: "for a week" },
  { value: "90", label: "for 90 days" },
  { value: "365", label: "for a year" },
];
const DAY_MS = 86_400_000;

export function CreateKey() {
  const tenant = useTenant();
  const [once, setOnce] = useState<string | null>(null); // names this making; null: the dialog is closed
  const [values, setValues] = useState({ name: "", scope: "publish", days: "" });
  const [key, setKey] = useState<string | null>(null);
  const create = useAction("keys.create");
  const errors = issuesByField(create.failure, ["name", "scope", "expires_at"]);
  const set = (changes: Partial<typeof values>) => setValues({ ...values, ...changes });
  const open = () => {
    create.reset();
    setValues({ name: "", scope: "publish", days: "" });
    setOnce(newName());
  };
  const submit = async () => {
    const made = await create.run({
      name: values.name,
      scope: values.scope as "publish",
      ...(!OF_NO_TENANT.includes(values.scope) && { tenant }),
      ...(values.days !== "" && {
        expires_at: new Date(now() + Number(values.days) * DAY_MS).toISOString(),
      }),
      idempotency_key: `dashboard-${once ?? ""}`,
    });
    if (!made) return;
    setOnce(null);
    setKey(made.key);
  };
  return (
    <>
      <Button size="xs" onClick={open}>
        New key
      </Button>
      <FormDialog
        title={`New key of ${tenant}`}
        isOpen={once !== null}
        onClose={() => setOnce(null)}
        action={create}
        errors={errors}
        submit="Create"
        onSubmit={submit}
      >
        <TextInput
          label="Name"
          description="What it is for."
          value={values.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={errors["name"]}
          maxLength={200}
          autoComplete="off"
          data-autofocus
        />
        <NativeSelect
          label="Scope"
          data={SCOPES}
          value={values.scope}
          onChange={(event) => set({ scope: event.currentTarget.value })}
          error={errors["scope"]}
        />
        <NativeSelect
          label="It is good"
          data={LIVES}
          value={values.days}
          onChange={(event) => set({ days: event.currentTarget.value })}
          error={errors["expires_at"]}
        />
      </FormDialog>
      <ShownOnce title="The new key" what="the key" secret={key} onStored={() => setKey(null)} />
    </>
  );
}
