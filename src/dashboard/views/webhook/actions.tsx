// What can be done about a webhook. What can't be undone asks first.
import { Button } from "@mantine/core";

import { goTo, linkTo, paths } from "../../address/links.ts";
import { useAction } from "../../api/queries.ts";
import { BulkActions } from "../../parts/bulk.tsx";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { say } from "../../parts/notices.tsx";
import { number } from "../../parts/words.ts";
import { calledOf, type WebhookInfo } from "../webhooks/webhook.ts";
import { RotateKey } from "./rotate.tsx";
import { SendTest } from "./send-test.tsx";

type ActionsProps = { webhook: WebhookInfo; standing: string };

export function Actions({ webhook, standing }: ActionsProps) {
  const { id, counters } = webhook;
  const isEnded = webhook.status === "Unsubscribed";
  const pending = number(counters.pending);
  const update = useAction("webhooks.update");
  const unsubscribe = useAction("webhooks.unsubscribe");
  const remove = useAction("webhooks.delete");
  const change = async (
    changes: { paused?: boolean; status?: "Subscribed" },
    done: string,
  ): Promise<unknown> => {
    const answer = await update.run({ id, ...changes });
    if (answer) say(done);
    return answer;
  };
  return (
    <>
      <SendTest webhook={webhook} />
      {!isEnded && !webhook.paused && standing !== "disabled" && (
        <ConfirmButton
          label="Pause"
          title={`Pause ${calledOf(webhook)}?`}
          failure={update.failure}
          onConfirm={() => change({ paused: true }, "Paused: what is published for it is held")}
        >
          <p>
            Nothing new is sent. What is published for it is held, and released in order by Resume.
          </p>
        </ConfirmButton>
      )}
      {!isEnded && (webhook.paused || standing === "disabled") && (
        <Button
          size="xs"
          loading={update.isRunning}
          onClick={() =>
            void change(
              standing === "disabled" ? { status: "Subscribed", paused: false } : { paused: false },
              "Resumed: what was held goes out in order, slowly at first",
            )
          }
        >
          Resume
        </Button>
      )}
      <Button component="a" size="xs" variant="default" href={linkTo(paths.editWebhook(id))}>
        Edit
      </Button>
      <BulkActions webhook={webhook} />
      <RotateKey webhook={webhook} />
      {isEnded ? (
        <Button
          size="xs"
          loading={update.isRunning}
          onClick={() => void change({ status: "Subscribed" }, "Subscribed again")}
        >
          Subscribe again
        </Button>
      ) : (
        <ConfirmButton
          label="Unsubscribe"
          title={`Unsubscribe ${calledOf(webhook)}?`}
          isDangerous
          count={counters.pending}
          failure={unsubscribe.failure}
          onConfirm={async () => {
            const answer = await unsubscribe.run({ id });
            if (answer) say("Unsubscribed");
            return answer;
          }}
        >
          <p>
            Its {pending} pending deliveries are cancelled, and it gets nothing more. It can be
            subscribed again; what is cancelled stays so.
          </p>
        </ConfirmButton>
      )}
      <ConfirmButton
        label="Delete"
        title={`Delete ${calledOf(webhook)}?`}
        isDangerous
        count={counters.pending}
        failure={remove.failure}
        onConfirm={async () => {
          const answer = await remove.run({ id });
          if (answer) {
            say("Deleted");
            goTo(paths.webhooks);
          }
          return answer;
        }}
      >
        <p>
          It is gone at once, with its key and settings. Its {pending} pending deliveries are
          cancelled; those that have ended can still be looked up.
        </p>
      </ConfirmButton>
    </>
  );
}
