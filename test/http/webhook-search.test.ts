// Webhooks as they are looked for: by what they are called, those in trouble first, with what became of their deliveries.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
let sql: pg.Client;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox();
  sql = await service.connect();
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
const list = async (input: object) => (await post("webhooks.list", input).expect(200)).body;
const idsOf = ({ data }: { data: { id: string }[] }) => data.map(({ id }) => id);

test("a webhook is found by part of its name, URL or external id in any case, and by how its id begins", async () => {
  const id = await subscribe({
    name: "Müller <b>100%</b>",
    url: "https://hooks.example.com/In_box?a=1",
    external_id: "Customer-4711",
  });
  await subscribe({ name: "another", url: "https://other.example.org/" });
  for (const q of [
    "müller",
    " <B>100%</b> ",
    "EXAMPLE.com/in_b",
    "?a=",
    "mer-47",
    id,
    id.slice(0, 13),
  ])
    expect([q, idsOf(await list({ q }))]).toEqual([q, [id]]);
  expect(idsOf(await list({ q: "example" }))).toHaveLength(2);
  // No letter of it is a pattern, and nothing of it is run.
  for (const q of ["%", "in%box", "_x?", "' or true --", "\\"])
    expect([q, idsOf(await list({ q }))]).toEqual([q, q === "%" ? [id] : []]);
  expect(idsOf(await list({ q: "example", status: "Unsubscribed" }))).toEqual([]);
  for (const q of ["", " ", "\0", "x".repeat(2_049), 1]) {
    const { body } = await post("webhooks.list", { q }).expect(400);
    expect(body.issues).toMatchObject([{ path: "q" }]);
  }
});

test("nothing of another tenant's webhooks is found", async () => {
  const name = "only here";
  const id = await subscribe({ name });
  const other = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  for (const q of [name, id])
    expect(
      (await other("webhooks.list", { q, sort: "trouble", with_counts: true })).body.data,
    ).toEqual([]);
});

test("those in trouble come first, page by page, and of each kind those with the most pending", async () => {
  const well = await subscribe({ channels: ["none"] });
  const [paused, disabled, failing, busier] = [
    await subscribe({ paused: true, channels: ["1"] }),
    await subscribe({ channels: ["none"] }),
    await subscribe({ channels: ["none"] }),
    await subscribe({ paused: true, channels: ["1", "2"] }),
  ];
  const late = await subscribe({ channels: ["none"] });
  await sql.query(
    "update posthorn.webhooks set health = case id when $1 then 'disabled' else 'failing' end where id in ($1, $2)",
    [disabled, failing],
  );
  await sql.query(
    `insert into posthorn.counters (webhook_id, failures_in_row)
     select webhook_id, 2 from posthorn.webhooks where id = $1`,
    [late],
  );
  for (const channel of ["1", "2"])
    await post("events.publish", { type: "message.created", payload: 1, channel }).expect(200);
  const wanted = [disabled, failing, busier, paused, late, well];
  expect(idsOf(await list({ sort: "trouble" }))).toEqual(wanted);
  const paged: string[] = [];
  for (let cursor: string | null = null, pages = 0; pages < 6; pages++) {
    const page: Awaited<ReturnType<typeof list>> = await list({
      sort: "trouble",
      page_size: 1,
      ...(cursor !== null && { cursor }),
    });
    paged.push(...idsOf(page));
    cursor = page.pagination_data.next_cursor;
    // A cursor of one order does not open another.
    if (cursor !== null) await post("webhooks.list", { cursor }).expect(400);
  }
  expect(paged).toEqual(wanted);
  expect(idsOf(await list({ sort: "newest" }))).toEqual(idsOf(await list({})));
  expect(idsOf(await list({}))[0]).toBe(late);
});

test("each row tells what became of its deliveries in the last 24 hours, and what is pending", async () => {
  inbox.reply = ({ headers }) => ({ status: headers["webhook-attempt"] === "1" ? 500 : 200 });
  const retried = await subscribe({ channels: ["retried"], retry_schedule_s: [1] });
  const dead = await subscribe({ channels: ["dead"], retry_schedule_s: [] });
  const paused = await subscribe({ channels: ["dead"], paused: true });
  for (const channel of ["retried", "dead"])
    await post("events.publish", { type: "message.created", payload: 1, channel }).expect(200);
  const none = { delivered: 0, dead: 0, retried: 0, pending: 0, last_success_at: null };
  const wanted = {
    [retried]: { ...none, delivered: 1, retried: 1, last_success_at: expect.any(String) },
    [dead]: { ...none, dead: 1 },
    [paused]: { ...none, pending: 1 },
  };
  const counts = async () =>
    Object.fromEntries(
      (await list({ with_counts: true })).data.map(
        ({ id, counts }: { id: string; counts: object }) => [id, counts],
      ),
    ) as Record<string, Record<string, unknown>>;
  const read = await until(
    counts,
    (all) => all[retried]?.["delivered"] === 1 && all[dead]?.["dead"] === 1,
  );
  expect(read).toEqual(wanted);
  expect((await list({})).data[0]).not.toHaveProperty("counts");
  // What is older than the hour in which the 24 hours began is not in them.
  await sql.query(
    "create table posthorn.stats_hours_before partition of posthorn.stats_hours default", // soon after midnight it is two days ago
  );
  await sql.query(
    `update posthorn.stats_hours set at = date_trunc('hour', now() - interval '26 hours')
     where tenant = $1`,
    [`tenant-${tenants}`],
  );
  expect((await counts())[dead]).toEqual(none);
});
