// Large bodies: what they may hold, how many there may be, and that nobody waits for one.
import { once } from "node:events";
import http from "node:http";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import request from "supertest";

import { threadMs } from "../../src/kernel/thread-time.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const MIB = 1024 * 1024;
const TYPE = "message.created";

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
});
afterAll(() => service.stop());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Begins a body of a told or untold length, and leaves the rest to the test. */
async function begin(key: string, bytes: number | undefined) {
  const sent = http.request(`${service.url}/events.publish_many`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-API-Key": key,
      ...(bytes !== undefined && { "Content-Length": bytes }),
    },
  });
  sent.on("error", () => {});
  cleanups.push(() => sent.destroy());
  sent.write('{"events":[');
  await once(sent, "socket");
  const status = once(sent, "response").then(([response]) => {
    const { statusCode, headers } = response as http.IncomingMessage;
    return [statusCode, headers["retry-after"]];
  });
  status.catch(() => {}); // of one that the test ends
  return { sent, status };
}

async function makeKey(): Promise<string> {
  return (await post("keys.create", { name: "publisher", scope: "publish" })).body.key as string;
}

const many = (text: string) => post("events.publish_many").type("json").send(text);
const filled = (piece: string, bytes: number) =>
  piece.repeat(Math.ceil(bytes / piece.length)).slice(0, -1);

describe("a large body", () => {
  test("is refused at its item 1,001, while it is read", async () => {
    const { sent, status } = await begin(service.adminKey, undefined);
    sent.write(filled("{},", 3_003)); // and never ends
    expect(await status).toEqual([400, undefined]);
    const answer = await many(`{"events":[${filled("{},", 15 * MIB)}]}`);
    expect([answer.status, answer.body.issues]).toEqual([
      400,
      [{ path: "events", message: expect.stringContaining("at most 1000 items") }],
    ]);
  });

  test("of items that are no JSON, or not between commas, is 400 as any other", async () => {
    for (const text of [
      '{"events":[1,,2]}',
      '{"events":[{"type":"a"},]}',
      '{"events":[{"type":"a"}',
      '{"events":[{"type":"a"}}]',
      '{"events":[{"type":"a"]}]}',
      '{"events":[{"type":"a"}]}]',
      '{"events":[1 2]}',
      '{"events":["\\ud800]}',
      '{"events":[\ufeff{}]}',
    ])
      expect([text, (await many(text)).status]).toEqual([text, 400]);
  });

  test("is taken as it is meant, however it is written and by both doors", async () => {
    const events =
      `[ {"type":"${TYPE}","payload":{"a":"[,]}\\"{","__proto__":[1]}} ,\\n{"payload": [ ],"type":"${TYPE}"}\\t]`
        .replace("\\n", "\n")
        .replace("\\t", "\t");
    const dot = await many(`\ufeff { "events" : ${events} } `);
    const trpc = await request(service.url)
      .post("/trpc/events.publish_many,events.publish_many?batch=1")
      .set("X-API-Key", service.adminKey)
      .type("json")
      .send(`{"1": {"events": ${events}}, "0": {"events": ${events}}}`);
    const ids = [
      ...dot.body.data,
      ...trpc.body.flatMap(
        (call: { result: { data: { data: unknown[] } } }) => call.result.data.data,
      ),
    ] as { id: string }[];
    expect(ids).toHaveLength(6);
    for (const [index, { id }] of ids.entries()) {
      const { body } = await post("events.info", { id });
      expect(body.payload_text).toBe(index % 2 === 0 ? '{"a":"[,]}\\"{","__proto__":[1]}' : "[]");
    }
  });

  test("keeps every character of a payload, whatever would have to be escaped", async () => {
    const payloads = ['\\"{},\n\u0000\u{1f600}é', "\\".repeat(100_000), '"'.repeat(100_000), ""];
    const events = payloads.map((payload) => ({ type: TYPE, payload }));
    const { body } = await post("events.publish_many", { events });
    for (const [index, { id }] of (body.data as { id: string }[]).entries())
      expect((await post("events.info", { id })).body.payload).toBe(payloads[index]);
  });

  test.each([
    ["empty lists", "[],"],
    ["empty objects", "{},"],
    ["members", '"k":1,'],
  ])(
    "or a small one full of %s is refused by what it holds, before it is parsed",
    async (_what, piece) => {
      const inner = filled(piece, 900_000);
      const payload = piece.startsWith('"') ? `{${inner}}` : `[${inner}]`;
      const event = `{"type":"${TYPE}","payload":${payload}}`;
      const one = await post("events.publish").type("json").send(event);
      const list = await many(`{"events":[${event}]}`);
      expect([one.status, one.body.message, list.status, list.body.issues[0].path]).toEqual([
        400,
        expect.stringContaining("more values than 256 KiB of JSON can"),
        400,
        "events.0",
      ]);
    },
  );
});

test("an object of thousands of names is refused before any of them is judged, wherever it stands", async () => {
  const names = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`name${n}`, "x"]));
  const [item, largest] = [{ type: TYPE, payload: 1 }, names(30_000)];
  const url = "https://example.com/";
  const answers = [
    await post("events.publish", { ...item, ...largest }),
    await many(JSON.stringify({ events: [item, { ...item, ...largest }] })),
    await post("webhooks.subscribe", { url, ...largest }),
    await post("webhooks.subscribe", { url, metadata: largest }),
    await post("webhooks.subscribe", { url, headers: largest }),
  ];
  const found = answers.map(({ status, body }) => [status, body.issues]);
  const refused = (path: string, count: number) => [
    400,
    [{ path, message: expect.stringContaining(`has ${count} members`) }],
  ];
  expect(found).toEqual([
    refused("", 30_002),
    refused("events.1", 30_002),
    refused("", 30_001),
    refused("metadata", 30_000),
    refused("headers", 30_000),
  ]);
  const { status } = await post("events.publish", { ...item, payload: names(15_000) });
  expect(status).toBe(200); // what 256 KiB of payload hold is taken
});

describe("large bodies side by side", () => {
  test("are two of a key, told or found to be large; a third is 429, and other keys' are taken", async () => {
    const [key, other] = [await makeKey(), await makeKey()];
    const bodies = [
      await begin(key, 16 * MIB),
      await begin(key, 2 * MIB),
      await begin(key, undefined),
    ];
    const { sent: untold } = bodies[2] as (typeof bodies)[number];
    untold.write(`"${"x".repeat(500_000)}",`);
    untold.write(`"${"x".repeat(700_000)}",`);
    // Whichever of the three came last.
    expect(await Promise.race(bodies.map(({ status }) => status))).toEqual([429, "1"]);
    const small = { type: TYPE, payload: 1 };
    const as = (text: string) => caller({ ...service, adminKey: text });
    expect((await as(key)("events.publish_many", { events: [small] })).status).toBe(200);
    const large = { type: TYPE, payload: "x".repeat(200_000) };
    const taken = await as(other)("events.publish_many", { events: Array(10).fill(large) });
    expect(taken.status).toBe(200);
    for (const { sent } of bodies) sent.destroy();
  });

  test("are 128 MiB in all, and there is room again when one has ended", async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, makeKey));
    const open = [];
    for (const key of keys.slice(0, 4))
      for (let n = 0; n < 2; n++) open.push(await begin(key, 16 * MIB));
    const fifth = keys[4] ?? "";
    open.push(await begin(fifth, 16 * MIB));
    expect(await Promise.race(open.map(({ status }) => status))).toEqual([429, "1"]); // whichever came last
    for (const { sent } of open) sent.destroy();
    const events = Array(10).fill({ type: TYPE, payload: "x".repeat(200_000) });
    const again = caller({ ...service, adminKey: fifth });
    let last = 429;
    while (last === 429) last = (await again("events.publish_many", { events })).status;
    expect(last).toBe(200);
  });
});

test.each([
  ["backslashes", JSON.stringify("\\".repeat(125_000))],
  ["empty lists", `[${filled("[],", 250_000)}]`],
  ["numbers", `[${filled("1,", 250_000)}]`],
])(
  "nobody stands still for 16 MiB of %s: its longest stop is a fraction of its work",
  async (_what, payload) => {
    const events = filled(`{"type":"${TYPE}","payload":${payload}},`, 15 * MIB);
    const whole = events.slice(0, events.lastIndexOf('},{"type"') + 1);
    const cpuMs = () => threadMs() ?? performance.now();
    const stops = async () => {
      const from = cpuMs();
      let before = from;
      let longestMs = 0; // in time of this thread's: what others have of the processor is no stop of ours
      const turns = setInterval(() => {
        const now = cpuMs();
        longestMs = Math.max(longestMs, now - before);
        before = now;
      }, 1);
      const { status } = await fetch(`${service.url}/events.publish_many`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-API-Key": service.adminKey },
        body: Buffer.from(`{"events":[${whole}]}`),
      });
      clearInterval(turns);
      expect(status).toBe(200);
      return { longestMs, wholeMs: cpuMs() - from };
    };
    // 100 ms is what is wanted; on a slow machine it is never one stop for most of it.
    await until(stops, ({ longestMs, wholeMs }) => longestMs < Math.max(400, wholeMs / 2));
  },
);
