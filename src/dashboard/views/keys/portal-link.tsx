// Makes a link into the portal for a customer: of one tenant, to look or to manage, for a while.
import { Button, NativeSelect, TagsInput, TextInput } from "@mantine/core";
import { useState } from "react";

import { issuesByField } from "../../api/failure.ts";
import { useAction, useInfo } from "../../api/queries.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { ShownOnce } from "../../parts/secret.tsx";
import { Time } from "../../parts/time.tsx";
import { useTenant } from "../../session/session.ts";
import { calledOf } from "../webhooks/webhook.ts";

const SCOPES = [
  { value: "read", label: "read: look, and change nothing" },
  { value: "manage", label: "manage: change webhooks too" },
];
const LASTS = [
  { value: "3600", label: "for an hour" },
  { value: "86400", label: "for a day" },
  { value: "604800", label: "for a week" },
];
const FIELDS = ["scope", "webhook_ids", "expires_in_s", "link_expires_in_s", "return_url"];
const START = { scope: "read", lasts: "3600", returnUrl: "", webhooks: [] as string[] };

export function PortalLink() {
  const tenant = useTenant();
  const [isOpen, setOpen] = useState(false);
  const [values, setValues] = useState(START);
  const [made, setMade] = useState<{ url: string; until: string } | null>(null);
  const create = useAction("portal.create_link");
  const errors = issuesByField(create.failure, FIELDS);
  const { data } = useInfo("webhooks.list", { page_size: 200 }, { when: isOpen, once: true });
  const idByName = new Map(
    data?.data.map((webhook) => [`${calledOf(webhook)} · ${webhook.id.slice(0, 8)}`, webhook.id]),
  );
  const set = (changes: Partial<typeof START>) => setValues({ ...values, ...changes });
  const open = () => {
    create.reset();
    setValues(START);
    setOpen(true);
  };
  const submit = async () => {
    const webhook_ids = values.webhooks.map((name) => idByName.get(name) ?? name);
    const link = await create.run({
      tenant,
      scope: values.scope as "read",
      expires_in_s: Number(values.lasts),
      ...(webhook_ids.length > 0 && { webhook_ids }),
      ...(values.returnUrl.trim() !== "" && { return_url: values.returnUrl.trim() }),
    });
    if (!link) return;
    setOpen(false);
    setMade({ url: link.url, until: link.expires_at });
  };
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>
        New portal link
      </Button>
      <FormDialog
        title={`Portal link for a customer of ${tenant}`}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        action={create}
        errors={errors}
        submit="Make the link"
        onSubmit={submit}
      >
        <NativeSelect
          label="Scope"
          data={SCOPES}
          value={values.scope}
          onChange={(event) => set({ scope: event.currentTarget.value })}
          error={errors["scope"]}
          data-autofocus
        />
        <NativeSelect
          label="The session lasts"
          description="From when the link is opened."
          data={LASTS}
          value={values.lasts}
          onChange={(event) => set({ lasts: event.currentTarget.value })}
          error={errors["expires_in_s"]}
        />
        <TagsInput
          label="Webhooks"
          description="Those that it sees alone, with their events; none: all of the tenant."
          data={[...idByName.keys()]}
          value={values.webhooks}
          onChange={(webhooks) => set({ webhooks })}
          error={errors["webhook_ids"]}
          clearable={false}
        />
        <TextInput
          label="Way back"
          description="Where the page leads when the session has ended; https."
          value={values.returnUrl}
          onChange={(event) => set({ returnUrl: event.currentTarget.value })}
          error={errors["return_url"]}
          autoComplete="off"
        />
      </FormDialog>
      <ShownOnce
        title="The portal link"
        what="the portal link"
        secret={made?.url ?? null}
        onStored={() => setMade(null)}
      >
        {made && (
          <p className="prose">
            It opens once, until <Time at={made.until} as="clock" />. Revoke it in the list of keys
            to take it, or its session, back.
          </p>
        )}
      </ShownOnce>
    </>
  );
}
