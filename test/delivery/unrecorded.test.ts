// An attempt that can't be recorded: its outcome is kept all the same, and nothing is sent over and over.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let sql: pg.Client;
let post: Call;
let inbox: Inbox;
let own: Inbox; // where the service's own events go
let tenants = 0;

// Refuses the record of each attempt that says so, as a constraint would.
const REFUSE = `
  create function public.refuse() returns trigger language plpgsql as $$
  begin
    if new.response_body = 'refuse' then
      raise exception using errcode = 'unique_violation', message = 'not this one';
    end if;
    return new;
  end $$;
  create trigger refuse before insert on posthorn.attempts for each row execute function public.refuse()`;

beforeAll(async () => {
  service = await startTestService();
  sql = await service.connect();
  await sql.query(REFUSE);
});
afterAll(() => service.stop());
beforeEach(async () => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  inbox = await startInbox();
  own = await startInbox();
});
afterEach(() => Promise.all([inbox.close(), own.close()]));

const TYPE = "message.created";
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, events: [TYPE], ...settings }).expect(200))
    .body.id;
const publish = () => post("events.publish", { type: TYPE, payload: 1 }).expect(200);
const deliveries = async (status?: string) =>
  (await post("deliveries.list", { page_size: 200, ...(status && { status }) })).body.data;
const attemptsOf = async (id: string) => (await post("deliveries.info", { id })).body.attempts;
const health = (id: string, wanted: string) =>
  until(
    async () => (await post("webhooks.info", { id })).body,
    (webhook) => webhook.health === wanted,
  );

test("a death whose attempt can't be recorded is kept, told and sent no more", async () => {
  await post("webhooks.subscribe", { url: own.url, events: ["delivery.dead"] }).expect(200);
  inbox.reply = () => ({ status: 500, body: "refuse" });
  const id = await subscribe({ retry_schedule_s: [] });
  await publish();
  const [told] = await own.arrived(1);
  const [dead] = await deliveries("dead");
  expect(JSON.parse(told?.body ?? "").payload).toMatchObject({
    webhook_id: id,
    delivery_id: dead.id,
  });
  expect(dead).toMatchObject({ reason: "status", attempts_made: 1 });
  expect(await attemptsOf(dead.id)).toEqual([]);
  await health(id, "failing");
  expect(inbox.requests).toHaveLength(1);
});

test("a 410 whose attempt can't be recorded disables its webhook, and what it answered is held", async () => {
  inbox.reply = () => ({ status: 410, body: "refuse" });
  const id = await subscribe({ retry_schedule_s: [1, 1, 1] });
  await publish();
  expect(await health(id, "disabled")).toMatchObject({ health_reason: "gone" });
  expect(await deliveries()).toEqual([
    expect.objectContaining({ status: "pending", waiting_for: "disabled", attempts_made: 1 }),
  ]);
  expect(inbox.requests).toHaveLength(1);
});

test("of a batch in whose midst an attempt can't be recorded all others are, and every outcome is kept", async () => {
  let open = () => {};
  const all = new Promise<void>((resolve) => (open = resolve)); // so that they are settled as one batch
  inbox.reply = ({ path }) => ({ until: all, body: path.endsWith("/11") ? "refuse" : "fine" });
  for (let n = 0; n < 20; n++) await subscribe({ url: `${inbox.url}/${n}` });
  await publish();
  await inbox.arrived(20);
  open();
  const delivered = await until(
    () => deliveries("delivered"),
    ({ length }) => length === 20,
  );
  const recorded: number[] = [];
  for (const { id } of delivered) recorded.push((await attemptsOf(id)).length);
  expect(recorded.filter((count) => count === 1)).toHaveLength(19);
  expect(await deliveries("pending")).toEqual([]);
  expect(inbox.requests).toHaveLength(20);
});

test("a 410 that comes when its webhook has been changed holds nothing, and is tried again at once", async () => {
  let answer = () => {};
  const changed = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () =>
    inbox.requests.length === 1 ? { until: changed, status: 410 } : { status: 200 };
  const id = await subscribe({ retry_schedule_s: [3_600] });
  await publish();
  await inbox.arrived(1);
  await post("webhooks.update", { id, name: "changed" }).expect(200);
  answer();
  const [delivery] = await until(
    () => deliveries(),
    ([each]) => each.status === "delivered",
  );
  expect(delivery.attempts_made).toBe(2);
  expect((await post("webhooks.info", { id })).body.health).toBe("ok");
});
