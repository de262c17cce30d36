// The portal's ground: links that open once, sessions that see what their wall lets them, and nothing of the operator's.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import pg from "pg";

import { OPERATIONS } from "../../src/rpc/router.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const NONCE = "a-nonce-drawn-at-random";
const HEADERS = { "X-Secret": "what the customer's receiver wants" };

type Made = {
  webhook: string;
  event: string;
  delivery: string;
  attempt: string;
  replay: string;
  key: string;
};

let service: TestService;
let inbox: Inbox;
let admin: Call;
let acme: Call;
let walled: Call; // manages one webhook of acme's two
let own: Made;
let other: Made; // of the other webhook
let foreign: Made; // of another tenant
const bearer = (key: string) => caller({ ...service, adminKey: key });

beforeAll(async () => {
  service = await startTestService({ POSTHORN_PUBLIC_URL: "https://hooks.example.com/base" });
  inbox = await startInbox();
  admin = caller(service);
  acme = caller(service, { "X-Tenant": "acme" });
  own = await makeAll(acme, "own", ["line 1"]);
  other = await makeAll(acme, "other", ["line 2"]);
  foreign = await makeAll(caller(service, { "X-Tenant": "globex" }), "foreign", ["line 3"]);
  walled = bearer(await open({ webhook_ids: [own.webhook] }));
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
});

// A webhook of one channel, an event that it got, and what came of it.
async function makeAll(post: Call, name: string, channels: string[]): Promise<Made> {
  const wanted = { url: `${inbox.url}${name}`, name, channels, headers: HEADERS };
  const webhook = (await post("webhooks.subscribe", wanted).expect(200)).body.id;
  const published = {
    type: "message.created",
    payload: { of: name },
    channel: channels[0],
    idempotency_key: `order of ${name}`,
  };
  const event = (await post("events.publish", published).expect(200)).body.id;
  const [delivered] = await until(
    async () => (await post("deliveries.list", { webhook_id: webhook }).expect(200)).body.data,
    ([first]) => first?.status === "delivered",
  );
  const info = (await post("deliveries.info", { id: delivered.id }).expect(200)).body;
  const since = new Date(Date.now() - 60_000).toISOString();
  const replayed = { id: webhook, since, status: "dead" };
  const replay = (await post("webhooks.replay", replayed).expect(200)).body.replay_id;
  const key = (await post("keys.create", { name, scope: "read" }).expect(200)).body.id;
  return { webhook, event, delivery: delivered.id, attempt: info.attempts[0].id, replay, key };
}

async function link(input: object = {}): Promise<{ url: string; key_id: string; token: string }> {
  const wanted = { tenant: "acme", scope: "manage", ...input };
  const { body } = await admin("portal.create_link", wanted).expect(200);
  const token = new URLSearchParams(new URL(body.url).hash.slice(1)).get("link") ?? "";
  return { ...body, token };
}
const stranger = () => caller(service, { Authorization: "" });
const exchange = (token: string, nonce = NONCE) => stranger()("portal.exchange", { token, nonce });
async function open(input: object = {}): Promise<string> {
  const { token } = await link(input);
  return (await exchange(token).expect(200)).body.key;
}

describe("a link", () => {
  test("leads to the portal under the public URL, its token behind the # alone", async () => {
    const { url, token } = await link({ path: "/webhooks?status=dead" });
    expect(url).toBe(
      `https://hooks.example.com/base/dashboard/portal/#link=${token}&path=%2Fwebhooks%3Fstatus%3Ddead`,
    );
    expect(token).toMatch(/^phl_[A-Za-z0-9]+_[A-Za-z0-9_-]{32}$/);
  });

  test("opens once: the same nonce gets the same session again, another one 401 link_used", async () => {
    const { token, key_id } = await link({ return_url: "https://app.example.com/" });
    const first = (await exchange(token).expect(200)).body;
    expect(first).toEqual({
      key: expect.stringMatching(/^phk_portal_/),
      key_id,
      scope: "manage",
      tenant: "acme",
      expires_at: expect.any(String),
      return_url: "https://app.example.com/",
    });
    const lasts = Date.parse(first.expires_at) - Date.now();
    expect(Math.abs(lasts - 3_600_000)).toBeLessThan(60_000);
    expect((await exchange(token).expect(200)).body).toEqual(first);
    const again = await exchange(token, `${NONCE}-of-another`).expect(401);
    expect(again.body.code).toBe("link_used");
    await bearer(first.key)("session.info").expect(200);
  });

  test("of two who open it at once, one has it", async () => {
    const { token } = await link();
    const answers = await Promise.all(
      ["x", "y", "z"].map((each) => exchange(token, `${NONCE}${each}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });

  test("a minute after it was opened it is used, for its own nonce too", async () => {
    const { token } = await link();
    await exchange(token).expect(200);
    await run("update posthorn.portal_links set opened_at = opened_at - interval '61 s'");
    expect((await exchange(token).expect(401)).body.code).toBe("link_used");
  });

  test("that is unknown, expired or revoked is 401, and is not opened", async () => {
    await exchange("phl_unknown").expect(401);
    const late = await link();
    await run("update posthorn.keys set expires_at = now() where is_portal and hash is null");
    expect((await exchange(late.token).expect(401)).body.code).toBe("unauthorized");
    const revoked = await link();
    await admin("keys.revoke", { id: revoked.key_id }).expect(200);
    await exchange(revoked.token).expect(401);
  });

  test("keys.revoke ends its session", async () => {
    const { token, key_id } = await link();
    const { key } = (await exchange(token).expect(200)).body;
    await bearer(key)("webhooks.list").expect(200);
    await admin("keys.revoke", { id: key_id }).expect(200);
    await bearer(key)("webhooks.list").expect(401);
    expect((await exchange(token).expect(401)).body.code).toBe("unauthorized");
  });

  test("is opened by tRPC too, and in no batch with what needs a key", async () => {
    const { token } = await link();
    const call = (path: string, body: object, key?: string) =>
      fetch(`${service.url}/trpc/${path}`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          ...(key && { Authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify(body),
      });
    const batch = { 0: { token, nonce: NONCE }, 1: {} };
    const mixed = await call("portal.exchange,webhooks.list?batch=1", batch, service.adminKey);
    expect(((await mixed.json()) as { error?: object }[])[0]?.error).toBeDefined();
    expect((await call("portal.exchange,webhooks.list?batch=1", batch)).status).toBe(401);
    const opened = await call("portal.exchange", { token, nonce: NONCE });
    expect(opened.status).toBe(200);
  });

  test.each([
    ["an http: return_url", { return_url: "http://app.example.com/" }, "return_url"],
    ["a script as return_url", { return_url: "javascript:alert(1)" }, "return_url"],
    ["a return_url with a user", { return_url: "https://a:b@app.example.com/" }, "return_url"],
    ["a path without a slash", { path: "webhooks" }, "path"],
    ["no webhook at all", { webhook_ids: [] }, "webhook_ids"],
    ["a session of ten seconds", { expires_in_s: 10 }, "expires_in_s"],
    ["a session of a month", { expires_in_s: 2_592_000 }, "expires_in_s"],
    ["a scope that publishes", { scope: "publish" }, "scope"],
  ])("with %s is refused", async (_, input, path) => {
    const wanted = { tenant: "acme", scope: "manage", ...input };
    const { body } = await admin("portal.create_link", wanted).expect(400);
    expect(body.issues).toMatchObject([{ path }]);
  });

  test("to another tenant's webhook is 404, and none but an admin makes one", async () => {
    const wanted = { tenant: "acme", scope: "read" };
    await admin("portal.create_link", { ...wanted, webhook_ids: [foreign.webhook] }).expect(404);
    for (const scope of ["manage", "read"]) {
      const { body } = await acme("keys.create", { name: "x", scope }).expect(200);
      await bearer(body.key)("portal.create_link", wanted).expect(403);
    }
    await link({ return_url: "https://hooks.example.com/anywhere" }); // of its own origin
  });
});

// For each operation what a session of one webhook gets that asks for something of another webhook, or of another tenant. `gone`:
// it does not exist. `refused`: no such session may. A text: what it must not find in the answer.
type Asked = { ask: (made: Made) => object; gets: "gone" | "refused" | "nothing" };
const id = (of: keyof Made) => (made: Made) => ({ id: made[of] });
const WALL: Record<string, Asked> = {
  "webhooks.subscribe": { ask: (made) => ({ id: made.webhook, url: inbox.url }), gets: "refused" },
  "webhooks.subscribe_many": {
    ask: (made) => ({ webhooks: [{ id: made.webhook, url: inbox.url }] }),
    gets: "refused",
  },
  "webhooks.unsubscribe": { ask: id("webhook"), gets: "gone" },
  "webhooks.update": { ask: (made) => ({ id: made.webhook, name: "mine now" }), gets: "gone" },
  "webhooks.rotate_key": { ask: id("webhook"), gets: "gone" },
  "webhooks.test": { ask: id("webhook"), gets: "gone" },
  "webhooks.replay": {
    ask: (made) => ({ id: made.webhook, since: "2026-01-01T00:00:00Z", status: "delivered" }),
    gets: "gone",
  },
  "webhooks.retry_dead": { ask: id("webhook"), gets: "gone" },
  "webhooks.hasten": { ask: id("webhook"), gets: "gone" },
  "webhooks.cancel_pending": { ask: id("webhook"), gets: "gone" },
  "webhooks.list": { ask: (made) => ({ q: made.webhook }), gets: "nothing" },
  "webhooks.history": { ask: id("webhook"), gets: "gone" },
  "webhooks.info": { ask: id("webhook"), gets: "gone" },
  "webhooks.delete": { ask: id("webhook"), gets: "gone" },
  "events.publish": { ask: () => ({ type: "message.created", payload: 1 }), gets: "refused" },
  "events.publish_many": {
    ask: () => ({ events: [{ type: "message.created", payload: 1 }] }),
    gets: "refused",
  },
  "events.list": { ask: () => ({ with_payload: true }), gets: "nothing" },
  "events.info": { ask: id("event"), gets: "gone" },
  "events.why_not": { ask: id("event"), gets: "gone" },
  "events.reconcile": {
    ask: (made) => ({ webhook_id: made.webhook, since: "2026-01-01T00:00:00Z", received: [] }),
    gets: "gone",
  },
  "events.erase": { ask: id("event"), gets: "refused" },
  "event_types.create": { ask: () => ({ name: "my.type" }), gets: "refused" },
  "event_types.update": { ask: () => ({ name: "message.created" }), gets: "refused" },
  "event_types.delete": { ask: () => ({ name: "message.created" }), gets: "refused" },
  "event_types.history": { ask: () => ({ name: "message.created" }), gets: "refused" },
  "event_types.list": { ask: () => ({}), gets: "nothing" },
  "deliveries.list": { ask: (made) => ({ event_id: made.event }), gets: "nothing" },
  "deliveries.info": { ask: id("delivery"), gets: "gone" },
  "deliveries.cancel": { ask: id("delivery"), gets: "gone" },
  "deliveries.retry": { ask: id("delivery"), gets: "gone" },
  "keys.create": { ask: () => ({ name: "x", scope: "admin" }), gets: "refused" },
  "keys.list": { ask: () => ({}), gets: "refused" },
  "keys.revoke": { ask: id("key"), gets: "refused" },
  "replays.info": { ask: id("replay"), gets: "gone" },
  "replays.cancel": { ask: id("replay"), gets: "gone" },
  "replays.list": { ask: () => ({}), gets: "nothing" },
  "stats.overview": { ask: () => ({}), gets: "nothing" },
  "stats.webhook": { ask: id("webhook"), gets: "gone" },
  "stats.webhooks": { ask: (made) => ({ ids: [made.webhook] }), gets: "nothing" },
  "session.info": { ask: () => ({}), gets: "nothing" },
  find: { ask: (made) => ({ q: made.event }), gets: "nothing" },
  "tenants.list": { ask: () => ({}), gets: "refused" },
  "portal.create_link": { ask: () => ({ tenant: "acme", scope: "manage" }), gets: "refused" },
  "portal.exchange": { ask: () => ({ token: "phl_x", nonce: NONCE }), gets: "nothing" },
};

test("the table of the wall has every operation of the router, and no other", () => {
  expect(Object.keys(WALL).sort()).toEqual([...OPERATIONS.keys()].sort());
});

describe.each(Object.entries(WALL))(
  "%s, asked by a session of one webhook",
  (name, { ask, gets }) => {
    test.each(["another webhook", "another tenant"])("for what is of %s", async (whose) => {
      const made = whose === "another tenant" ? foreign : other;
      const { status, body } = await walled(name, ask(made));
      if (gets === "gone")
        expect([status, body.code]).toEqual([404, expect.stringMatching(/_not_found$/)]);
      else if (gets === "refused") expect(status).toBe(403);
      else if (name !== "portal.exchange") expect(status).toBe(200);
      const text = JSON.stringify({ ...body, message: undefined });
      const asked = JSON.stringify(ask(made));
      for (const secret of [...Object.values(made), `order of ${whose}`, ...Object.values(HEADERS)])
        if (!asked.includes(secret) || gets === "nothing")
          expect([name, text]).not.toContain(secret);
      expect(text.match(/"of":"(other|foreign)"/)).toBeNull();
    });
  },
);

test("nothing of what such a session was refused was done", async () => {
  for (const [post, made] of [
    [acme, other],
    [caller(service, { "X-Tenant": "globex" }), foreign],
  ] as const) {
    const { body } = await post("webhooks.info", { id: made.webhook }).expect(200);
    expect(body).toMatchObject({ status: "Subscribed", counters: { delivered: 1, pending: 0 } });
    expect(body.name).not.toBe("mine now");
    await post("events.info", { id: made.event }).expect(200);
  }
});

describe("a session of one webhook", () => {
  test("sees that webhook, its events, deliveries and replays, by each operation", async () => {
    const list = async (name: string, input = {}) =>
      (await walled(name, input).expect(200)).body.data.map((row: { id: string }) => row.id);
    expect(await list("webhooks.list")).toEqual([own.webhook]);
    expect(await list("events.list")).toEqual([own.event]);
    expect(await list("events.list", { type: "message.*", channel: "line 1" })).toEqual([
      own.event,
    ]);
    expect(await list("events.list", { idempotency_key: "order of own" })).toEqual([own.event]);
    expect(await list("events.list", { idempotency_key: "order of other" })).toEqual([]);
    expect(await list("events.list", { matched_none: true })).toEqual([]);
    expect(await list("deliveries.list")).toEqual([own.delivery]);
    expect(await list("deliveries.list", { status: ["dead", "cancelled"] })).toEqual([]);
    expect(await list("replays.list")).toEqual([own.replay]);
    for (const q of [own.event, own.delivery, own.attempt, own.replay, "order of own", "line 1"])
      expect([q, await list("find", { q })]).toEqual([q, [expect.any(String)]]);
    for (const q of [other.event, other.attempt, "order of other", "line 2", own.key])
      expect([q, await list("find", { q })]).toEqual([q, []]);
    const info = (await walled("events.info", { id: own.event }).expect(200)).body;
    expect(info).toMatchObject({ webhooks_without: 0, deliveries: [{ id: own.delivery }] });
    expect((await walled("events.why_not", { id: own.event }).expect(200)).body.data).toEqual([]);
    const { body } = await walled("session.info").expect(200);
    expect(body).toMatchObject({ scope: "manage", portal: { webhook_ids: [own.webhook] } });
  });

  test("pages through its events, each once, also those that were sent again", async () => {
    for (let n = 0; n < 4; n++)
      await acme("events.publish", {
        type: "message.created",
        payload: n,
        channel: "line 1",
      }).expect(200);
    await walled("deliveries.retry", { id: own.delivery }).expect(200);
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = { page_size: 2, with_payload: true, ...(cursor && { cursor }) };
      const { body } = await walled("events.list", page).expect(200);
      seen.push(...body.data.map((row: { id: string }) => row.id));
      cursor = body.pagination_data.next_cursor;
    }
    expect(seen).toHaveLength(5);
    expect(seen).toEqual([...new Set(seen)].sort().reverse());
    expect(seen.at(-1)).toBe(own.event);
  });

  test("sums the statistics of its webhook alone", async () => {
    const attempts = async (post: Call) => {
      const { body } = await post("stats.overview").expect(200);
      return body.totals.attempts as number;
    };
    const ofAll = await until(
      () => attempts(acme),
      (count) => count >= 7,
    );
    const ofOwn = (await walled("stats.webhook", { id: own.webhook }).expect(200)).body.totals;
    expect(await attempts(walled)).toBe(ofOwn.attempts);
    expect(ofOwn.attempts).toBeLessThan(ofAll);
  });

  test("may take channels from it, and add none: others' events would come", async () => {
    const update = (channels: string[] | null) =>
      walled("webhooks.update", { id: own.webhook, channels });
    for (const channels of [["line 1", "line 2"], ["line 2"], [], null])
      await update(channels).expect(403);
    await update(["line 1"]).expect(200);
    const taken = { id: own.webhook, external_id: "taken" };
    await acme("webhooks.update", { id: other.webhook, external_id: "taken" }).expect(200);
    const { text } = await walled("webhooks.update", taken).expect(409);
    expect(text).not.toContain(other.webhook);
  });

  test("replays by what was delivered, and not what its filter takes in", async () => {
    const replay = (status?: string) =>
      walled("webhooks.replay", {
        id: own.webhook,
        since: "2026-01-01T00:00:00Z",
        dry_run: true,
        ...(status && { status }),
      });
    await replay().expect(400);
    await replay("never").expect(400);
    await replay("delivered").expect(200);
  });
});

describe.each([{ webhook_ids: true }, { webhook_ids: false }])(
  "any session ($webhook_ids)",
  ({ webhook_ids }) => {
    let session: Call;
    beforeAll(async () => {
      session = bearer(await open(webhook_ids ? { webhook_ids: [own.webhook] } : {}));
    });

    test("sees no header values, workers, addresses, nor who else made a change", async () => {
      const { body: info } = await session("deliveries.info", { id: own.delivery }).expect(200);
      expect(info.attempts[0]).toMatchObject({ worker: "********", address: null, status: 200 });
      const test = await session("webhooks.test", { id: own.webhook }).expect(200);
      expect(test.body).toMatchObject({ worker: "********", address: null });
      const { body: webhook } = await session("webhooks.info", { id: own.webhook }).expect(200);
      expect(webhook.headers).toEqual({ "X-Secret": "********" });
      const changed = await session("webhooks.update", { id: own.webhook, name: "own" }).expect(
        200,
      );
      expect(changed.body.headers).toEqual({ "X-Secret": "********" });
      const { text } = await session("webhooks.history", { id: own.webhook }).expect(200);
      expect(text).not.toMatch(/POSTHORN_ADMIN_KEY/);
      expect(text).not.toContain(HEADERS["X-Secret"]);
      expect(text).not.toContain(own.key);
    });

    test("sees none of the service's own events, and subscribes to none", async () => {
      const { body } = await acme("webhooks.subscribe", {
        url: `${inbox.url}ops`,
        events: ["webhook.*"],
      });
      await run(
        `select posthorn.store_events('acme', '{webhook.failing}', '{"{}"}', array[null]::text[], array[null]::timestamptz[], array[null]::text[], true, true)`,
      );
      const [event] = (await acme("events.list", { type: "webhook.failing" }).expect(200)).body
        .data;
      expect(event).toBeDefined();
      for (const name of ["events.list", "deliveries.list"]) {
        const { text } = await session(name, { page_size: 200 }).expect(200);
        expect(text).not.toContain("webhook.failing");
      }
      await session("events.info", { id: event.id }).expect(404);
      expect((await session("find", { q: event.id }).expect(200)).body.data).toEqual([]);
      for (const events of [["webhook.failing"], ["delivery.*"]])
        await session("webhooks.update", { id: own.webhook, events }).expect(400);
      await acme("webhooks.delete", { id: body.id }).expect(200);
    });

    test("changes no event types, publishes nothing, and makes no keys or links", async () => {
      for (const [name, { ask }] of Object.entries(WALL))
        if (/^(event_types\.[^l]|events\.publish|keys|tenants|portal\.create)/.test(name))
          expect([name, (await session(name, ask(own))).status]).toEqual([name, 403]);
      await session("event_types.list").expect(200);
    });
  },
);

test("a session of the whole tenant subscribes and erases; one to read does neither", async () => {
  const whole = bearer(await open());
  const { body } = await whole("webhooks.subscribe", { url: `${inbox.url}new` }).expect(200);
  const event = (await acme("events.publish", { type: "message.created", payload: 1 })).body.id;
  await whole("events.erase", { id: event }).expect(200);
  const reader = bearer(await open({ scope: "read" }));
  await reader("webhooks.info", { id: body.id }).expect(200);
  await reader("webhooks.delete", { id: body.id }).expect(403);
  await reader("webhooks.subscribe", { url: inbox.url }).expect(403);
  await whole("webhooks.delete", { id: body.id }).expect(200);
});

test("a session names no other tenant, nor all", async () => {
  const key = await open();
  for (const tenant of ["globex", "*"])
    await caller(
      { ...service, adminKey: key },
      { "X-Tenant": tenant },
    )("webhooks.list").expect(403);
});

test("keys.list tells links and sessions from keys", async () => {
  const { key_id } = await link();
  const { body } = await admin("keys.list", { page_size: 200 }).expect(200);
  const found = body.data.find((row: { id: string }) => row.id === key_id);
  expect(found).toMatchObject({ tenant: "acme", scope: "manage", is_portal: true });
  expect(body.data.find((row: { id: string }) => row.id === own.key).is_portal).toBe(false);
});

test("who exchanges tokens too often from one address is told to come again later", async () => {
  const { status, headers } = await floods();
  expect(status).toBe(429);
  expect(Number(headers["retry-after"])).toBeGreaterThan(0);
});

async function floods() {
  for (;;) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => exchange("phl_guess")));
    const refused = answers.find(({ status }) => status !== 401);
    if (refused) return refused;
  }
}

async function run(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
