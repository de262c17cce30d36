// Statistics as a page asks for them: what became of deliveries, by time.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox();
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
});
beforeEach(() => {
  inbox.reply = () => ({});
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const publish = (event: object = {}) =>
  post("events.publish", { type: "message.created", payload: 1, ...event }).expect(200);
/** The totals once so many attempts are in them. */
const totals = (attempts: number, operation = "stats.overview", input: object = {}) =>
  until(
    async () => (await post(operation, input).expect(200)).body.totals,
    (sums) => sums.attempts === attempts,
  );

test("a delivered, a retried and a dead delivery are counted, of the tenant and of the webhook", async () => {
  inbox.reply = ({ headers }) => ({ status: headers["webhook-attempt"] === "1" ? 500 : 200 });
  const retried = await subscribe({ channels: ["retried"], retry_schedule_s: [1] });
  const dead = await subscribe({ channels: ["dead"], retry_schedule_s: [] });
  await publish({ channel: "retried" });
  await publish({ channel: "dead" });
  const sums = await totals(3);
  expect(sums).toMatchObject({ attempts: 3, delivered: 1, retried: 1, dead: 1 });
  expect(await totals(2, "stats.webhook", { id: retried })).toMatchObject({
    delivered: 1,
    retried: 1,
    dead: 0,
  });
  expect(await totals(1, "stats.webhook", { id: dead })).toMatchObject({
    delivered: 0,
    retried: 0,
    dead: 1,
  });
});
