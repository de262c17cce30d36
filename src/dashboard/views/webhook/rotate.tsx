// A new signing key: first what stops working, and until when the old one signs; then the key, once.
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";

import { now } from "../../api/clock.ts";
import { issuesByField } from "../../api/failure.ts";
import { useAction } from "../../api/queries.ts";
import { newName } from "../../chance.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { say } from "../../parts/notices.tsx";
import { ShownOnce } from "../../parts/secret.tsx";
import { onTheWall } from "../../parts/time.tsx";
import { useSignedIn } from "../../session/session.ts";
import { Snippet } from "../webhook-form/snippet.tsx";
import type { WebhookInfo } from "../webhooks/webhook.ts";
import "../webhook-form/form.css";

const OVERLAPS = [
  { value: "3600", label: "for an hour" },
  { value: "86400", label: "for a day" },
  { value: "604800", label: "for a week" },
  { value: "0", label: "not at all" },
];

export function RotateKey({ webhook }: { webhook: WebhookInfo }) {
  const { presets, limits } = useSignedIn().settings;
  const overlaps = presets.find(({ name }) => name === webhook.preset)?.key_overlap ?? false;
  const [name, setName] = useState<string | null>(null); // of this rotation; null: none is asked for
  const [overlap, setOverlap] = useState("86400");
  const [own, setOwn] = useState("");
  const [key, setKey] = useState<string | null>(null);
  const rotate = useAction("webhooks.rotate_key");
  const errors = issuesByField(rotate.failure, ["signature_key", "overlap_s"]);
  const until = onTheWall(new Date(now() + Number(overlap) * 1_000).toISOString());

  const open = () => {
    rotate.reset();
    setOwn("");
    setName(newName());
  };
  const submit = async () => {
    const answer = await rotate.run({
      id: webhook.id,
      ...(own !== "" && { signature_key: own }),
      ...(overlaps && { overlap_s: Number(overlap) }),
      idempotency_key: `dashboard-${name ?? ""}`,
    });
    if (!answer) return;
    setName(null);
    if (answer.signature_key === undefined) say("The new key signs now");
    else setKey(answer.signature_key);
  };
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>
        {webhook.has_signature_key ? "Rotate key" : "Make a key"}
      </Button>
      <FormDialog
        title="A new signing key"
        isOpen={name !== null}
        onClose={() => setName(null)}
        action={rotate}
        errors={errors}
        submit={webhook.has_signature_key ? "Rotate" : "Make it"}
        onSubmit={submit}
      >
        <div className="prose">
          {!webhook.has_signature_key ? (
            <p>So far nothing is signed. From now on every attempt is.</p>
          ) : overlaps ? (
            <p>
              The new key signs at once
              {overlap === "0"
                ? ", and the old one no more: a receiver that has the old one refuses what arrives until it has the new one."
                : `, and the old one beside it until ${until}. A receiver goes on with the old one until then.`}
            </p>
          ) : (
            <p>
              The preset {webhook.preset} carries one signature: the new key signs at once, and a
              receiver that has only the old one refuses what arrives. To lose nothing, choose the
              new key yourself, give the receiver both, then rotate to it here. What is refused
              meanwhile is tried again.
            </p>
          )}
        </div>
        {overlaps && webhook.has_signature_key && (
          <NativeSelect
            label="The old key signs beside it"
            data={OVERLAPS}
            value={overlap}
            onChange={(event) => setOverlap(event.currentTarget.value)}
            error={errors["overlap_s"]}
          />
        )}
        <TextInput
          label="The new key"
          description="Empty: one is made, and shown once."
          value={own}
          onChange={(event) => setOwn(event.currentTarget.value)}
          maxLength={limits.signature_key}
          error={errors["signature_key"]}
          autoComplete="off"
          spellCheck={false}
        />
      </FormDialog>
      <ShownOnce
        title="The new signing key"
        what="the new signing key"
        secret={key}
        onStored={() => setKey(null)}
      >
        <Snippet preset={webhook.preset} preset_settings={webhook.preset_settings} />
      </ShownOnce>
    </>
  );
}
