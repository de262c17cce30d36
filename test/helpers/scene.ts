// What the dashboard is looked at with: a customer's webhooks, each in a state of its own, and what became of its events.
import { caller, until, type Call } from "./api.ts";
import { says, startReceiver, startRecorder, type Receiver } from "./receivers.ts";
import type { TestService } from "./service.ts";

export const HOSTILE = `<script>document.title="owned"</script><img src=x onerror=alert(1)>\u202Egnp.exe`;

const TEXT = '<script>document.title="owned"</script> \u202E the ledger is locked: try later\n';
const refuse = says(
  "500 Internal Server Error",
  ["content-type: text/html", "x-trace: 8f1c2", `content-length: ${Buffer.byteLength(TEXT)}`],
  TEXT,
);

export type Scene = {
  tenant: string;
  /** Calls with a key of the tenant that may manage. */
  post: Call;
  manageKey: string;
  readKey: string;
  /** Webhooks by what they are called. */
  webhooks: Record<"crm" | "billing" | "warehouse" | "archive" | "branch", string>;
  crm: Awaited<ReturnType<typeof startRecorder>>;
  billing: Receiver;
  /** Publishes, and answers the event's id. */
  publish(type: string, payload: unknown, more?: Record<string, unknown>): Promise<string>;
  /** Publishes so many, a thousand at once. */
  publishMany(type: string, count: number): Promise<void>;
  /** The newest delivery of an event to a webhook, once it has this status. */
  delivery(eventId: string, webhookId: string, status: string): Promise<{ id: string }>;
  close(): Promise<void>;
};

/** Subscribes the webhooks; nothing is published yet. */
export async function setScene(service: TestService, tenant = "acme"): Promise<Scene> {
  const admin = caller(service, { "X-Tenant": tenant });
  const { body: key } = await admin("keys.create", { name: "ops", scope: "manage", tenant });
  const { body: reader } = await admin("keys.create", { name: "support", scope: "read", tenant });
  const post = caller(service, { Authorization: `Bearer ${key.key}` });
  for (const name of ["order.created", "order.paid", "message.created"])
    await post("event_types.create", { name });
  const [crm, billing] = await Promise.all([startRecorder(), startReceiver(refuse)]);
  const subscribe = async (name: string, url: string, more: object = {}) =>
    (await post("webhooks.subscribe", { name, url, events: ["order.*"], ...more }).expect(200)).body
      .id as string;
  const webhooks = {
    crm: await subscribe("CRM", `${crm.url}hooks/orders`, {
      generate_signature_key: true,
      preset: "standard",
      headers: { "X-Api-Key": "very-secret" },
    }),
    billing: await subscribe("Billing", `${billing.url}ledger`, { retry_schedule_s: [1] }),
    warehouse: await subscribe("Warehouse", `${billing.url}stock`, { retry_schedule_s: [3_600] }),
    archive: await subscribe("Archive", `${crm.url}archive`, { paused: true }),
    branch: await subscribe("Branch office", `${crm.url}branch`, { channels: ["+49 30 1234567"] }),
  };
  return {
    tenant,
    post,
    manageKey: key.key,
    readKey: reader.key,
    webhooks,
    crm,
    billing,
    publish: async (type, payload, more = {}) =>
      (await admin("events.publish", { type, payload, ...more }).expect(200)).body.id,
    publishMany: async (type, count) => {
      for (let from = 0; from < count; from += 1_000) {
        const length = Math.min(1_000, count - from);
        const events = Array.from({ length }, (_, index) => ({ type, payload: from + index }));
        await admin("events.publish_many", { events }).expect(200);
      }
    },
    delivery: async (event_id, webhook_id, status) =>
      (
        await until(
          async () => (await post("deliveries.list", { event_id, webhook_id })).body.data,
          ([newest]) => newest?.status === status,
        )
      )[0],
    close: async () => {
      await Promise.all([crm.close(), billing.close()]);
    },
  };
}
