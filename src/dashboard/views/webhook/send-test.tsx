// Sends a sample event now, and shows what went out and what came back.
import { Button, NativeSelect } from "@mantine/core";
import { useState } from "react";

import { firstTakenIn, useCatalogue } from "../../api/catalogue.ts";
import { useAction } from "../../api/queries.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { AttemptView } from "../../parts/attempt.tsx";
import type { Attempt } from "../../parts/curl.ts";
import { Failed } from "../../parts/states.tsx";
import type { WebhookInfo } from "../webhooks/webhook.ts";

export function SendTest({ webhook }: { webhook: WebhookInfo }) {
  const isEnded = webhook.status === "Unsubscribed";
  const types = useCatalogue();
  const [isOpen, setOpen] = useState(false);
  const [type, setType] = useState("");
  const [attempt, setAttempt] = useState<Attempt | null>(null);
  const test = useAction("webhooks.test");
  const chosen = type || firstTakenIn(webhook.events, types)?.name || "";
  const send = async () => {
    setAttempt(null);
    const answer = await test.run({ id: webhook.id, ...(chosen && { type: chosen }) });
    if (answer) setAttempt(answer);
  };
  const open = () => {
    test.reset();
    setAttempt(null);
    setOpen(true);
  };
  return (
    <>
      <Button
        size="xs"
        disabled={isEnded}
        title={isEnded ? "It is unsubscribed: nothing is sent to it" : undefined}
        onClick={open}
      >
        Send a test
      </Button>
      <Dialog title="Send a test event" isOpen={isOpen} onClose={() => setOpen(false)} size="xl">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <NativeSelect
            label="Type"
            description="Its example is sent once, as a delivery would be. It is no event: nothing of it is stored or counted."
            data={types.map(({ name }) => name)}
            value={chosen}
            onChange={(event) => setType(event.currentTarget.value)}
          />
          <div className="form-foot">
            <Button type="submit" loading={test.isRunning} data-autofocus>
              {attempt ? "Send again" : "Send"}
            </Button>
          </div>
        </form>
        <div aria-live="polite">
          {test.failure && <Failed failure={test.failure} />}
          {attempt && <AttemptView attempt={attempt} title="What came of it" />}
        </div>
      </Dialog>
    </>
  );
}
