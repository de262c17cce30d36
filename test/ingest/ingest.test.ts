// posthorn ingest, run as the process that it is, between real brokers and a real service.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

import { AckPolicy, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { MINUTE } from "../../src/kernel/duration.ts";
import { caller, until } from "../helpers/api.ts";
import { posthorn } from "../helpers/process.ts";
import { testWith } from "../helpers/programs.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";
import { kafkaBroker, natsBroker, rabbitmqBroker, type Broker, type Sent } from "./brokers.ts";

const TYPE = "message.created";
const BROKERS = [
  { broker: "NATS", programs: { "nats-server": ["--version"] }, start: natsBroker },
  {
    broker: "RabbitMQ",
    programs: { test: ["-x", "/usr/lib/rabbitmq/bin/rabbitmq-server"] },
    start: rabbitmqBroker,
  },
  // A stand-in, which keeps nothing: it can't be started again, and a group waits half a minute for a dead member.
  { broker: "Kafka's protocol", programs: { kcat: ["-V"] }, start: kafkaBroker, isStandIn: true },
];
const LIMIT_MS = 3 * MINUTE; // RabbitMQ starts in five seconds, where nothing else runs

let service: TestService;
let client: pg.Client;
let door: Door;
const started = new Map<string, Promise<Broker>>();
beforeAll(async () => {
  for (const { broker, start } of BROKERS) {
    const starting = start(); // one is tried while another starts
    starting.catch(() => {}); // told by the tests that need it
    started.set(broker, starting);
  }
  service = await startTestService({}, { role: "api" });
  client = new pg.Client(service.databaseUrl);
  await client.connect();
  door = await startDoor(service.url);
});
afterAll(async () => {
  await Promise.allSettled(
    [...started.values()].map((starting) => starting.then(({ remove }) => remove())),
  );
  await door.close();
  await client.end();
  await service.stop();
});

describe.each(BROKERS)("from $broker", ({ broker: kind, programs, isStandIn = false }) => {
  const testIf = testWith(programs);

  /** A place of its own for each test, and a tenant that gets what stands there. */
  async function scene(isImpatient = false) {
    const broker = (await started.get(kind))!;
    const name = `t${randomBytes(6).toString("hex")}`;
    const { body } = await caller(service)("keys.create", { name, scope: "publish", tenant: name });
    const key = body.key as string;
    const args = ["ingest", ...(await broker.declare(name, isImpatient))];
    const env = { POSTHORN_BROKER_URL: broker.url, POSTHORN_URL: door.url, POSTHORN_KEY: key };
    return { name, broker, key, run: (more: string[] = []) => posthorn([...args, ...more], env) };
  }

  testIf(
    "each message becomes one event, and what is none is set aside with its reason, without holding the others up",
    async () => {
      const { name, broker, run } = await scene();
      const good = numbered(2_500);
      const secret = "a-secret-of-the-payload";
      const bad: Sent[] = [
        { id: "b1", type: TYPE, body: `{"no json": ${secret}}` },
        { id: "b2", type: TYPE, body: Buffer.from([0x22, 0xff, 0x22]) },
        { id: "b3", type: "no.such.type", body: `"${secret}"` },
        { id: "b4", type: TYPE, body: `"${secret}${"x".repeat(300_000)}"` },
        { id: "b5", type: TYPE, body: "[".repeat(600) + "]".repeat(600) },
        { id: "b6", body: "1" },
        { id: "b8", type: TYPE, body: `"${"y".repeat(800_000)}"` },
        { id: "b7", type: TYPE, body: "1e400" },
      ];
      const sent = good.flatMap((message, n) => [
        message,
        ...(n % 300 === 0 ? bad.splice(0, 1) : []),
      ]);
      await broker.send(name, sent);
      const running = await run();
      await until(
        () => stored(name),
        ({ events }) => events === good.length,
      );
      await until(
        () => broker.left(name),
        (left) => left === 0,
      );
      expect(await running.stop()).toEqual({ code: 0, signal: null });

      expect(await stored(name)).toEqual({ events: good.length, different: good.length });
      expect(await broker.left(name)).toBe(0); // what is not acknowledged has come back
      const dead = await broker.dead(name, 8);
      const reasons = dead.map(({ reason, body }) => [body.slice(0, 30), reason]);
      expect(new Map(reasons as [string, string][])).toEqual(
        new Map<string, unknown>([
          [`{"no json": ${secret}}`.slice(0, 30), "it is no JSON"],
          ['"\ufffd"', "it is no UTF-8"],
          [`"${secret}"`, expect.stringMatching(/type: no\.such\.type is not an event type/)],
          [`"${secret}xxxxxx`, expect.stringMatching(/payload: at most 262144 bytes/)],
          ["[".repeat(30), expect.stringMatching(/payload: nested more than 500 levels deep/)],
          [`"${"y".repeat(29)}`, expect.stringMatching(/^it has 800002 bytes/)],
          ["1", "it has no header posthorn-type, which tells its type"],
          ["1e400", "it holds a number beyond 1.8e308, which no IEEE double is"],
        ]),
      );
      const said = running.stdout + running.stderr;
      expect(said.match(/"message_id":"[^"]+".*"msg":"set aside"/g)).toHaveLength(8);
      expect(said).not.toContain(secret);
      expect(said).toMatch(/"stored":2500,"duplicates":0,"set_aside":8,"msg":"stopped"/);
    },
    LIMIT_MS,
  );

  testIf(
    "what is not there is told at the start, in one line",
    async () => {
      const { name, broker, key } = await scene();
      const env = { POSTHORN_BROKER_URL: broker.url, POSTHORN_URL: door.url, POSTHORN_KEY: key };
      const [, from = "", , deadLetter = ""] = await broker.declare(`${name}x`);
      for (const args of [
        ["--from", "absent", "--dead-letter", deadLetter],
        ["--from", from, "--dead-letter", "absent"],
      ]) {
        const { code, err } = await typed(["ingest", ...args], { env });
        expect([code, err]).toEqual([1, expect.stringMatching(/^posthorn: .*absent.*\n$/)]);
      }
    },
    LIMIT_MS,
  );

  if (isStandIn) return;

  testIf(
    "after a kill -9 in the middle each message is one event still",
    async () => {
      const { name, broker, run } = await scene(true);
      await broker.send(name, numbered(3_000));
      const first = await run();
      door.afterAnswers(1, () => first.kill("SIGKILL")); // committed, and not yet acknowledged
      expect((await first.exited).signal).toBe("SIGKILL");
      const second = await run();
      await until(
        () => stored(name),
        ({ events }) => events === 3_000,
      );
      await until(
        () => broker.left(name),
        (left) => left === 0,
      );
      expect(await second.stop()).toEqual({ code: 0, signal: null });
      expect(await stored(name)).toEqual({ events: 3_000, different: 3_000 });
      expect(second.stdout).toMatch(/"duplicates":[1-9]\d*,"set_aside":0,"msg":"stopped"/);
    },
    LIMIT_MS,
  );

  testIf(
    "it waits where the service is away, goes on where the broker was, and loses nothing",
    async () => {
      const { name, broker, run } = await scene(true);
      door.isOpen = false;
      const running = await run(["--type", TYPE]);
      await broker.send(name, numbered(100));
      await running.line(/the service is away/);
      expect(await stored(name)).toEqual({ events: 0, different: 0 });
      door.isOpen = true;
      await until(
        () => stored(name),
        ({ events }) => events === 100,
      );

      await broker.restart();
      await running.line(/the broker is away/);
      await broker.send(name, numbered(200).slice(90)); // ten of them a second time
      await until(
        () => stored(name),
        ({ events }) => events === 200,
      ).catch((error: Error) => {
        throw new Error(`${error.message}; ingest said ${running.stdout}${running.stderr}`);
      });
      await until(
        () => broker.left(name),
        (left) => left === 0,
      );
      expect(await running.stop()).toEqual({ code: 0, signal: null });
      expect(await stored(name)).toEqual({ events: 200, different: 200 });
    },
    LIMIT_MS,
  );
});

testWith({ "nats-server": ["--version"] })(
  "a consumer that gives messages up is refused, and a key that is revoked ends it with what is left in its place",
  async () => {
    const broker = (await started.get("NATS"))!;
    const name = `t${randomBytes(6).toString("hex")}`;
    const call = caller(service);
    const { body } = await call("keys.create", { name, scope: "publish", tenant: name });
    const args = ["ingest", ...(await broker.declare(name))];
    const env = {
      POSTHORN_BROKER_URL: broker.url,
      POSTHORN_URL: door.url,
      POSTHORN_KEY: body.key as string,
    };
    const connection = await connect({ servers: broker.url });
    const manager = await jetstreamManager(connection);
    await manager.consumers.add(name, {
      ...{ durable_name: "hasty", ack_policy: AckPolicy.Explicit, max_deliver: 3 },
    });
    await connection.close();
    const refused = await typed([...args, "--consumer", "hasty"], { env });
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(/^posthorn: .*hasty.*max_deliver has to be -1/),
    ]);

    const running = await posthorn(args, env);
    await running.line(/"ingesting"/);
    await call("keys.revoke", { id: body.id as string }).expect(200);
    await broker.send(name, numbered(1));
    expect(await running.exited).toEqual({ code: 4, signal: null });
    expect(running.stderr).toMatch(/^posthorn: unauthorized: .*\n$/);
    expect(await broker.left(name)).toBe(1);
  },
  LIMIT_MS,
);

test("a command line that can't be meant, a broker that is away and a key that is none are told in one line", async () => {
  const nowhere = "amqp://me:a-password@127.0.0.1:1";
  const ends = async (args: string[], env: Record<string, string>) => {
    const names = ["--from", "a", "--dead-letter", "b"];
    const { code, err } = await typed(["ingest", ...names, ...args], {
      env: { POSTHORN_URL: service.url, POSTHORN_KEY: service.adminKey, ...env },
    });
    expect(err).toMatch(/^posthorn: [^\n]+\n$/);
    expect(err).not.toContain("a-password");
    return [code, err];
  };
  const at = (POSTHORN_BROKER_URL: string) => ({ POSTHORN_BROKER_URL });
  expect(await ends([], {})).toEqual([
    2,
    expect.stringContaining("POSTHORN_BROKER_URL: the address"),
  ]);
  expect(await ends(["--dead-letter", "a"], at(nowhere))).toEqual([
    2,
    expect.stringContaining("--dead-letter"),
  ]);
  expect(await ends(["--filter", "x"], at(nowhere))).toEqual([
    2,
    expect.stringContaining("--filter"),
  ]);
  expect(await ends(["--type-from", "x"], at(nowhere))).toEqual([
    2,
    expect.stringContaining("--type-from"),
  ]);
  expect(await ends([], at(nowhere))).toEqual([
    1,
    expect.stringMatching(/can't be reached.*ECONNREFUSED/),
  ]);
  const wrongKey = { ...at(nowhere), POSTHORN_KEY: "none" };
  expect(await ends([], wrongKey)).toEqual([4, expect.stringContaining("unauthorized")]);
});

function numbered(count: number): Sent[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `m${n}`,
    type: TYPE,
    body: `{"n": ${n}}`,
  }));
}

async function stored(tenant: string): Promise<{ events: number; different: number }> {
  const { rows } = await client.query<{ events: number; different: number }>(
    `select count(*)::integer as events, count(distinct p.payload)::integer as different
     from posthorn.events as e join posthorn.event_payloads as p on p.id = e.id where e.tenant = $1`,
    [tenant],
  );
  return rows[0]!;
}

type Door = {
  url: string;
  /** Closed, it breaks connections and answers 503, by turns. */
  isOpen: boolean;
  /** Does something in place of the answer after so many, once. */
  afterAnswers(count: number, act: () => void): void;
  close(): Promise<void>;
};

/** What stands before the service. */
async function startDoor(target: string): Promise<Door> {
  let [refused, answers, act] = [0, 0, undefined as (() => void) | undefined];
  const server = http.createServer((request, response) => {
    if (!state.isOpen && refused++ % 2 === 0) return void response.destroy();
    if (!state.isOpen) return void response.writeHead(503).end("away");
    const { method, headers, url } = request;
    const onward = http.request(`${target}${url}`, { method, headers }, (answer) => {
      const isPublished = answer.statusCode === 200;
      if (isPublished && act && answers-- === 0) {
        act();
        act = undefined;
        return void response.destroy();
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward.on("error", () => response.destroy()));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const state: Door = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isOpen: true,
    afterAnswers(count, what) {
      [answers, act] = [count, what];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return state;
}
