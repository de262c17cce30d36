// The commands over the API, against a running service and receivers: what they print, and what they end with.
import http from "node:http";
import net, { type AddressInfo } from "node:net";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { type, typed, type Typed } from "../helpers/terminal.ts";

const EVENT = /^evt_[\da-f]{32}$/m;
const COLOUR = "\u001b[";

let service: TestService;
let inbox: Inbox;
let call: Call;
let good: string;
let bad: string;

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox(usual);
  call = caller(service);
  good = await subscribe("Shop good", "good");
  bad = await subscribe("Shop bad", "bad");
});
afterEach(() => {
  inbox.reply = usual;
});
afterAll(async () => {
  await inbox.close();
  await service.stop();
});

async function subscribe(name: string, path: string, more: object = {}): Promise<string> {
  const url = `${inbox.url}/${path}`;
  const { body } = await call("webhooks.subscribe", {
    url,
    name,
    retry_schedule_s: [],
    ...more,
  }).expect(200);
  return body.id as string;
}

const env = () => ({ POSTHORN_URL: service.url, POSTHORN_KEY: service.adminKey });
const usual: Inbox["reply"] = ({ path }) => ({ status: path.endsWith("bad") ? 500 : 200 });
const posthorn = (args: string[], options: Typed = {}) => typed(args, { env: env(), ...options });
const deliveriesOf = async (webhook_id: string) =>
  (await call("deliveries.list", { webhook_id, page_size: 200 }).expect(200)).body.data;
const settled = (webhook_id: string, count: number) =>
  until(
    () => deliveriesOf(webhook_id),
    (all) =>
      all.length >= count && all.every((each: { status: string }) => each.status !== "pending"),
  );

describe("posthorn publish", () => {
  test("prints the event's id alone on stdout, and how many webhooks it goes to beside it", async () => {
    const { code, out, err } = await posthorn(["publish", "message.created", '{"id": 1}']);
    expect(code).toBe(0);
    expect(out).toMatch(EVENT);
    expect(err).toBe("It goes to 2 webhooks.\n");
    const { body } = await call("events.info", { id: out.trim() }).expect(200);
    expect(body).toMatchObject({ type: "message.created", payload: { id: 1 }, channel: null });
  });

  test("reads the payload from what is piped in, and says of a second one under the same key that nothing was stored", async () => {
    const args = ["publish", "message.updated", "-", "--channel", "c", "--idempotency-key", "k"];
    const first = await posthorn([...args, "--json"], { input: '{"a": [1, null]}' });
    const again = await posthorn(args, { input: '{"a": [1, null]}' });
    const { id, duplicate } = JSON.parse(first.out);
    expect([first.code, duplicate, again.out]).toEqual([0, false, `${id}\n`]);
    expect(again.err).toBe("It was published before: nothing was stored.\n");
    const { body } = await call("events.info", { id }).expect(200);
    expect(body).toMatchObject({ payload: { a: [1, null] }, channel: "c" });
  });

  test("tells where a payload is no JSON, without a word of it", async () => {
    const { code, out, err } = await posthorn(["publish", "message.created", '{"secret: 1}']);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^posthorn: payload: JSON is needed.*\n$/);
    expect(err).not.toContain("secret");
  });

  test.each([
    [["publish", "no.such.type", "{}"], /^posthorn: unknown_event_type: .*no\.such\.type.*\n$/],
    [
      ["webhooks", "info", "nobody"],
      /^posthorn: no webhook has the id, the external id or the name "nobody"; .*\n$/,
    ],
    [["why", `evt_${"0".repeat(32)}`], /^posthorn: event_not_found: .*\n$/],
    [["replays", "cancel", "rpl_1"], /^posthorn: invalid_request: .*\n$/],
  ])("%j is refused in one line, with 4", async (args, said) => {
    const { code, out, err } = await posthorn(args);
    expect([code, out]).toEqual([4, ""]);
    expect(err).toMatch(said);
  });
});

describe("without a service", () => {
  const nobody = async (answer: http.RequestListener | null): Promise<string> => {
    const server = http.createServer(answer ?? undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
    if (answer) cleanups.push(close);
    else await close();
    return url;
  };
  const cleanups: (() => Promise<unknown>)[] = [];
  afterAll(() => Promise.all(cleanups.map((close) => close())));

  test.each<[string, http.RequestListener | null, RegExp]>([
    [
      "listens",
      null,
      /nothing listens there; start the service with posthorn serve, or set POSTHORN_URL$/,
    ],
    [
      "hangs up",
      (request) => request.socket.destroy(),
      /the connection broke \(UND_ERR_SOCKET\); whether the call was done is not known$/,
    ],
    [
      "answers as somebody else",
      (_, response) => response.end("<html>"),
      /what answers there is no Posthorn; set POSTHORN_URL$/,
    ],
  ])(
    "where one %s, a command says in one line what was tried, and ends with 3",
    async (_, answer, said) => {
      const url = await nobody(answer);
      const { code, out, err } = await posthorn(["webhooks", "list"], {
        env: { POSTHORN_URL: url, POSTHORN_KEY: "k" },
      });
      expect([code, out]).toEqual([3, ""]);
      expect(err.startsWith(`posthorn: no answer from ${url} (POSTHORN_URL): `)).toBe(true);
      expect(err.trimEnd()).toMatch(said);
      expect(err.split("\n")).toHaveLength(2);
    },
  );

  test.each([
    [{ POSTHORN_KEY: "" }, 2, /^posthorn: POSTHORN_KEY: an API key is needed/],
    [
      { POSTHORN_URL: "ftp://x" },
      2,
      /^posthorn: POSTHORN_URL: the address of the service is needed/,
    ],
    [{ POSTHORN_URL: "http://me:pa55@x" }, 2, /^posthorn: POSTHORN_URL: (?!.*pa55)/],
    [{ POSTHORN_KEY: "phk_read_of_nobody" }, 4, /^posthorn: unauthorized: (?!.*of_nobody)/],
  ])("%j ends with %i, and no secret is repeated", async (wrong, code, said) => {
    const { err, ...ended } = await posthorn(["webhooks", "list"], { env: { ...env(), ...wrong } });
    expect(ended).toEqual({ code, out: "" });
    expect(err).toMatch(said);
  });
});

describe("posthorn webhooks", () => {
  test("list prints a line each that fits 80 columns of a terminal, in colours there and without them in a pipe", async () => {
    const long = await subscribe(
      "a name far longer than any terminal of eighty columns could show",
      "good",
      {
        events: ["typing.started"],
      },
    );
    const shown = await posthorn(["webhooks", "list"], { isTerminal: true });
    const lines = shown.out.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(4);
    for (const line of lines)
      expect(line.replaceAll(/\u001b\[\d+m/g, "").length).toBeLessThanOrEqual(80);
    expect(shown.out).toContain(COLOUR);
    const piped = await posthorn(["webhooks", "list"]);
    expect(piped.out).not.toContain(COLOUR);
    expect(piped.out).toMatch(
      new RegExp(`^${long}  ok            a name far longer .* could show$`, "m"),
    );
    const json = await posthorn(["webhooks", "list", "--q", "Shop", "--json"]);
    const names = json.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).name);
    expect(names).toEqual(["Shop bad", "Shop good"]);
  });

  test("pause holds, resume ends a pause, and info tells the state; a webhook is meant by its name or external id", async () => {
    const id = await subscribe("held", "good", {
      external_id: "customer-1",
      events: ["typing.started"],
    });
    expect((await posthorn(["webhooks", "pause", "customer-1"])).code).toBe(0);
    expect((await posthorn(["webhooks", "info", "held"])).out).toMatch(/^state +paused$/m);
    const resumed = await posthorn(["webhooks", "resume", id]);
    expect(resumed.out).toBe(
      `${id} is no longer paused. What was held is sent, slowly at first.\n`,
    );
    const again = await posthorn(["webhooks", "resume", "held"]);
    expect(again.out).toBe(`${id} was neither paused nor disabled.\n`);
    expect((await posthorn(["webhooks", "info", id, "--json"])).out).toMatch(/"paused":false/);
  });

  test("resume ends a disablement", async () => {
    const id = await subscribe("gone", "gone", { events: ["typing.started"] });
    inbox.reply = ({ path }) => ({ status: path.endsWith("gone") ? 410 : 200 });
    await call("events.publish", { type: "typing.started", payload: {} }).expect(200);
    await until(
      async () => (await call("webhooks.info", { id })).body,
      ({ health }) => health === "disabled",
    );
    inbox.reply = usual;
    expect((await posthorn(["webhooks", "resume", "gone"])).out).toMatch(/no longer disabled/);
    expect((await call("webhooks.info", { id })).body.health).not.toBe("disabled");
  });

  test("of several with one name none is chosen: their ids are told", async () => {
    const ids = [await subscribe("twin", "good"), await subscribe("twin", "good")];
    const { code, err } = await posthorn(["webhooks", "pause", "twin"]);
    expect(code).toBe(4);
    for (const id of ids) expect(err).toContain(id);
    for (const id of ids) await call("webhooks.delete", { id }).expect(200);
  });

  test("test shows the receiver's answer, and ends with 5 where it is not taken", async () => {
    const taken = await posthorn(["webhooks", "test", "Shop good"]);
    expect([taken.code, taken.out]).toEqual([
      0,
      expect.stringMatching(/^✓ taken {2}answered 200 {2}\d+ ms/),
    ]);
    inbox.reply = ({ path }) => ({
      status: path.endsWith("bad") ? 500 : 200,
      body: "no luck\u001b[2J",
    });
    const refused = await posthorn(["webhooks", "test", "Shop bad"]);
    expect(refused.code).toBe(5);
    expect(refused.out).toMatch(/^✗ status {2}answered 500 .*\n {2}no luck\\u\{1b\}\[2J\n$/);
  });
});

describe("posthorn tail", () => {
  test("shows each delivery as it ends, until Ctrl-C", async () => {
    const tail = type(["tail", "--webhook", "Shop bad"], { env: env() });
    await tail.printed(/Waiting for deliveries/);
    const { body } = await call("events.publish", { type: "message.created", payload: 1 });
    await tail.printed(/^\d\d:\d\d:\d\d ✗ 500 +dlv_[\da-f]{32} message\.created → Shop bad$/m);
    const [delivery] = (await call("deliveries.list", { event_id: body.id, webhook_id: bad })).body
      .data;
    expect(tail.out).toContain(delivery.id);
    expect(tail.out).not.toContain("Shop good");
    tail.interrupt();
    expect(await tail.code).toBe(0);
  });

  test("says that the service is away, and goes on when it is back", async () => {
    let isAway = false;
    const front = net.createServer((socket) => {
      if (isAway) return void socket.destroy();
      const { port } = new URL(service.url);
      const behind = net.connect(Number(port), "127.0.0.1");
      socket.on("error", () => behind.destroy()).pipe(behind);
      behind.on("error", () => socket.destroy()).pipe(socket);
      sockets.add(socket);
    });
    const sockets = new Set<net.Socket>();
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const tail = type(["tail", "--webhook", good], { env: { ...env(), POSTHORN_URL: url } });
    await tail.printed(/Waiting for deliveries/);
    isAway = true;
    for (const socket of sockets) socket.destroy();
    await tail.printed(/^no answer from .*\nTrying again until Ctrl-C\.$/m);
    await call("events.publish", { type: "message.created", payload: 1 }).expect(200);
    isAway = false;
    await tail.printed(/ ✓ 200 /);
    tail.interrupt();
    expect(await tail.code).toBe(0);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => front.close(resolve));
  });

  test("prints only what the filters take in, and what a retry came to later", async () => {
    const id = await subscribe("again", "again", {
      retry_schedule_s: [600],
      events: ["message.sent"],
    });
    let answers = 0;
    inbox.reply = ({ path }) => ({ status: path.endsWith("again") && answers++ === 0 ? 503 : 200 });
    const tail = type(["tail", "--type", "message.sent", "--webhook", id, "--json"], {
      env: env(),
    });
    await call("events.publish", { type: "message.created", payload: 1 }).expect(200);
    const failed = type(["tail", "--type", "message.sent", "--failed"], { env: env() });
    await failed.printed(/Waiting/);
    await call("events.publish", { type: "message.sent", payload: 1 }).expect(200);
    await failed.printed(/ ↻ 503 /);
    const [waiting] = (await call("deliveries.list", { webhook_id: id }).expect(200)).body.data;
    await call("deliveries.retry", { id: waiting.id }).expect(200); // now, and not in ten minutes
    await tail.printed(/"status":"delivered"/);
    const lines = tail.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(new Set(lines.map((line) => line.type))).toEqual(new Set(["message.sent"]));
    expect(lines.at(-1)).toMatchObject({ status: "delivered", attempts_made: 2 });
    for (const each of [tail, failed]) each.interrupt();
    expect(await Promise.all([tail.code, failed.code])).toEqual([0, 0]);
    expect(failed.out).not.toContain("✓");
    inbox.reply = usual;
    await call("webhooks.delete", { id }).expect(200);
  });
});

describe("posthorn replay", () => {
  test("counts, asks, and sends again what is dead; 5 says that it died again, 0 that all was delivered", async () => {
    const id = await subscribe("replayed", "bad", { events: ["message.read"] });
    for (const n of [1, 2, 3])
      await call("events.publish", { type: "message.read", payload: n }).expect(200);
    await settled(id, 3);
    const counted = await posthorn(["replay", "replayed", "--since", "1h", "--dry-run"]);
    expect([counted.code, counted.out]).toEqual([0, "3 events would be sent again.\n"]);
    const asked: string[] = [];
    const no = (question: string) => asked.push(question) < 0;
    const declined = await posthorn(["replay", "replayed", "--dead"], { answer: no });
    expect([declined.code, asked]).toEqual([130, ["Send 3 events to replayed again?"]]);
    expect(await deliveriesOf(id)).toHaveLength(3);
    const unasked = await posthorn(["replay", "replayed", "--dead"]);
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringMatching(/--yes: is needed/)]);

    const dead = await posthorn(["replay", "replayed", "--dead", "--yes"], { isTerminal: true });
    expect(dead.code).toBe(5);
    expect(dead.out).toContain("3 dead");
    expect(dead.err).toContain("3/3");
    inbox.reply = () => ({});
    const span = ["--since", "1h", "--status", "dead"];
    const done = await posthorn(["replay", "replayed", ...span], { answer: () => true });
    expect([done.code, done.out]).toEqual([0, "The replay is done: 3 delivered.\n"]);
    expect(done.err).not.toContain("█");
    inbox.reply = usual;
  });

  test.each([
    ["offers to cancel, and does where that is wanted", true, /The replay is cancelled/],
    [
      "leaves it running otherwise, and says how it is ended",
      false,
      /goes on by itself\. .*posthorn replays cancel rpl_/,
    ],
  ])("Ctrl-C %s", async (_, cancels, said) => {
    const id = await subscribe("slow", "slow", { events: ["message.failed"] });
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    await call("events.publish", { type: "message.failed", payload: 1 }).expect(200);
    await settled(id, 1);
    inbox.reply = ({ path }) => (path.endsWith("slow") ? { until: released } : {});
    const count = inbox.requests.length;
    const replay = type(["replay", id, "--since", "1h"], {
      env: env(),
      answer: (question) => question.startsWith("Send") || cancels,
    });
    await inbox.arrived(count + 1);
    replay.interrupt();
    expect(await replay.code).toBe(130);
    expect(replay.out + replay.err).toMatch(said);
    const { body } = await call("replays.list", { webhook_id: id }).expect(200);
    expect(body.data[0].status).toBe(cancels ? "cancelled" : "running");
    release();
    inbox.reply = usual;
    if (!cancels) {
      const watched = await posthorn(["replays", "watch", body.data[0].id]);
      expect([watched.code, watched.out]).toEqual([
        0,
        expect.stringMatching(/^The replay is done: \d delivered\.\n$/),
      ]);
    }
    await call("webhooks.delete", { id }).expect(200);
  });
});

describe("posthorn why", () => {
  test("tells of each webhook what became of the event, and why it did not go there", async () => {
    await subscribe("elsewhere", "good", { channels: ["other"] });
    const published = await posthorn(["publish", "reaction.added", "{}", "--channel", "mine"]);
    const id = published.out.trim();
    await until(
      async () => (await call("deliveries.list", { event_id: id })).body.data,
      (all) => all.every(({ status }: { status: string }) => status !== "pending"),
    );
    await subscribe("late", "good");
    const { code, out } = await posthorn(["why", id]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^${id}: reaction.added on channel mine, published `));
    expect(out).toMatch(/^✓ Shop good .*\n {4}delivered /m);
    expect(out).toMatch(
      /^✗ Shop bad .*\n {4}dead \(status\) after 1 attempt; the last .*: answered 500$/m,
    );
    expect(out).toMatch(/^✗ elsewhere .*\n {4}its `channels` did not take this channel in/m);
    expect(out).toMatch(
      /^✗ late .*\n {4}it subscribed after the event was published.*\n {4}today it would go there$/m,
    );

    const one = await posthorn(["why", id, "elsewhere", "--json"]);
    expect(JSON.parse(one.out)).toMatchObject({ not_sent: { reason: "other_channel" } });
  });

  test("a delivery that is held says so", async () => {
    await posthorn(["webhooks", "pause", "Shop good"]);
    const { out: id } = await posthorn(["publish", "reaction.removed", "{}"]);
    const { out } = await posthorn(["why", id.trim(), good]);
    expect(out).toMatch(/^ {4}held: the webhook is paused/m);
  });
});
