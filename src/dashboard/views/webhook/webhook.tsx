// One webhook: how it stands and why, how it fared, what is on its way, and what can be done about it.
import type { ReactNode } from "react";
import { useParams } from "wouter";

import { linkTo, paths } from "../../address/links.ts";
import { useInfo } from "../../api/queries.ts";
import { Copy } from "../../parts/copy.tsx";
import { Stale } from "../../parts/stale.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { visible } from "../../parts/text.ts";
import { span, Time } from "../../parts/time.tsx";
import { Facts, View } from "../../parts/view.tsx";
import { number } from "../../parts/words.ts";
import { useMay } from "../../session/session.ts";
import { Trouble } from "../webhooks/trouble.tsx";
import { calledOf, standingOf, type WebhookInfo } from "../webhooks/webhook.ts";
import { Actions } from "./actions.tsx";
import { History } from "./history.tsx";
import { Performance } from "./performance.tsx";
import { RecentDeliveries } from "./recent.tsx";
import "./webhook.css";

const ABOVE = () => ({ href: linkTo(paths.webhooks), text: "Webhooks" });

export default function Webhook() {
  const { id } = useParams<{ id: string }>();
  const { data: webhook, failure, retry } = useInfo("webhooks.info", { id });
  if (!webhook)
    return (
      <View title="Webhook" above={ABOVE()}>
        {failure ? <Failed failure={failure} onRetry={retry} /> : <Loading />}
      </View>
    );
  return (
    <Shown webhook={webhook}>
      <Stale failure={failure} onRetry={retry} />
    </Shown>
  );
}

function Shown({ webhook, children }: { webhook: WebhookInfo; children: ReactNode }) {
  const may = useMay();
  const standing = standingOf(webhook);
  const called = visible(calledOf(webhook));
  return (
    <View
      title={called}
      above={ABOVE()}
      heading={
        <>
          <span className="stranger">{called}</span> <Status is={standing} />
        </>
      }
      actions={may("manage") && <Actions webhook={webhook} standing={standing} />}
    >
      {children}
      {standing !== "ok" && (
        <p className={`trouble trouble-${standing}`}>
          <Trouble webhook={webhook} pending={webhook.counters.pending} />
        </p>
      )}
      <Settings webhook={webhook} />
      <Performance id={webhook.id} />
      <RecentDeliveries id={webhook.id} />
      <History id={webhook.id} />
    </View>
  );
}

function Settings({ webhook }: { webhook: WebhookInfo }) {
  const { counters, events, channels, headers } = webhook;
  const { last_success_at: success, last_failure_at: failed } = counters;
  return (
    <Facts
      facts={[
        ["URL", <span className="mono stranger">{visible(webhook.url)}</span>],
        [
          "Id",
          <>
            <span className="mono">{webhook.id}</span>{" "}
            <Copy text={webhook.id} what="the id" isQuiet />
          </>,
        ],
        ["Last success", success ? <Time at={success} /> : "never"],
        ["Last failure", failed ? <Time at={failed} /> : "never"],
        ["Delivered, dead", `${number(counters.delivered)}, ${number(counters.dead)}`],
        ["Pending", counters.pending >= 10_000 ? "10,000 or more" : number(counters.pending)],
        ["Events", events.length === 0 ? "every type" : events.join(", ")],
        [
          "Channels",
          <span className="stranger">
            {channels.length === 0 ? "all" : visible(channels.join(", "))}
          </span>,
        ],
        [
          "Preset",
          `${webhook.preset}${formOf(webhook)}${webhook.has_signature_key ? ", signed" : ", not signed"}`,
        ],
        ["Order", webhook.order === "none" ? "none" : `one at a time by ${webhook.order}`],
        [
          "Rate, timeout",
          `${webhook.rate_limit_per_s ? `${webhook.rate_limit_per_s} a second` : "no limit"}, ${webhook.timeout_ms ? span(webhook.timeout_ms / 1_000) : "the preset’s"}`,
        ],
        [
          "Headers",
          Object.keys(headers).length === 0 ? "none" : visible(Object.keys(headers).join(", ")),
        ],
      ]}
    />
  );
}

function formOf({ preset_settings: settings }: WebhookInfo): string {
  if (!settings) return "";
  const { signature_header, prefix, encoding, signed, envelope } = settings;
  return ` (${signature_header}: ${prefix}<${encoding} of ${signed}>, body ${envelope})`;
}
