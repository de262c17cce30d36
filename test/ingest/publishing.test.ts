// How a list is published of which some are refused, and what a message is as an event.
import { describe, expect, test } from "@jest/globals";

import type { Arrivals, Connect, Message, Source } from "../../src/ingest/broker.ts";
import { eventOf, type Event, type Mapping } from "../../src/ingest/event.ts";
import { publishAll, type Outcome } from "../../src/ingest/publishing.ts";
import { ingest } from "../../src/ingest/run.ts";
import { readBrokerUrl, withoutSecrets } from "../../src/ingest/url.ts";
import { silentLog } from "../../src/kernel/log.ts";

const items = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    n,
    event: { type: "a.b", payload: n, idempotency_key: `k:${n}` } satisfies Event,
  }));

/** Takes lists as the service does: whole or not at all; it names what is bad, or keeps it to itself. */
function service(bad: ReadonlySet<unknown>, isTold: boolean) {
  const stored: unknown[] = [];
  let calls = 0;
  const publish = (events: readonly Event[]): Promise<Outcome> => {
    calls += 1;
    const paths = events.flatMap(({ payload }, n) =>
      bad.has(payload) ? [`events.${n}.type`] : [],
    );
    if (paths.length === 0) stored.push(...events.map(({ payload }) => payload));
    const issues = isTold ? paths.map((path) => ({ path, message: "bad" })) : [];
    return Promise.resolve(
      paths.length === 0
        ? { kind: "stored", duplicates: 0 }
        : { kind: "refused", message: "bad", issues },
    );
  };
  return { stored, publish, calls: () => calls };
}

const mapping: Mapping = {
  type: { kind: "subject" },
  channel: { kind: "header", name: "Line" },
  id: undefined,
  source: "nats:ORDERS",
};
const message = (parts: Partial<Message> = {}): Message => ({
  id: "id:1",
  subject: "order.created",
  headers: new Map([["line", "l-1"]]),
  body: Buffer.from('{"a": [1]}'),
  at: new Date("2026-01-31T12:00:00Z"),
  copyAside: () => Promise.resolve(),
  done: () => {},
  hold: () => {},
  ...parts,
});

const never = () => Promise.reject(new Error("nobody is away"));

describe("publishing a list", () => {
  test.each([
    { isTold: true, callsMax: 3 },
    { isTold: false, callsMax: 2 * Math.ceil(Math.log2(1_000)) + 1 },
  ])(
    "one bad among a thousand holds no other up (named: $isTold)",
    async ({ isTold, callsMax }) => {
      const { stored, publish, calls } = service(new Set([717]), isTold);
      const all = await publishAll(publish, items(1_000), never);
      expect(all.refused.map(({ item, reason }) => [item.n, reason])).toEqual([
        [717, isTold ? "type: bad" : "bad"],
      ]);
      expect(stored).toEqual(items(1_000).flatMap(({ n }) => (n === 717 ? [] : [n])));
      expect(all.stored).toBe(999);
      expect(calls()).toBeLessThanOrEqual(callsMax);
    },
  );

  test("where all are bad and none is named, each is found in less than two calls an event", async () => {
    const { stored, publish, calls } = service(new Set(items(256).map(({ n }) => n)), false);
    const all = await publishAll(publish, items(256), never);
    expect([all.refused.length, stored.length, calls() < 512]).toEqual([256, 0, true]);
  });

  test("the same list is sent again until the service is there, and no longer than one waits", async () => {
    const away: Outcome = { kind: "away", reason: "no answer" };
    const answers: Outcome[] = [away, away, { kind: "stored", duplicates: 2 }];
    const waits: number[] = [];
    const wait = (_: string, times: number) => Promise.resolve(void waits.push(times));
    const all = await publishAll(() => Promise.resolve(answers.shift()!), items(3), wait);
    expect(all).toEqual({ stored: 1, duplicates: 2, refused: [] });
    expect(waits).toEqual([1, 2]);
    const enough = new Error("enough");
    const ended = publishAll(
      () => Promise.resolve(away),
      items(3),
      () => Promise.reject(enough),
    );
    await expect(ended).rejects.toBe(enough);
  });
});

describe("a message as an event", () => {
  test("has its type, channel, time and key from where the options say", () => {
    expect(eventOf(message(), mapping)).toEqual({
      event: {
        type: "order.created",
        payload: { a: [1] },
        channel: "l-1",
        timestamp: "2026-01-31T12:00:00.000Z",
        idempotency_key: "nats:ORDERS:id:1",
      },
    });
  });

  test("has the same key each time, another in another source, and never one that is too long", () => {
    const keyOf = (parts: Partial<Message>, more: Partial<Mapping> = {}) => {
      const made = eventOf(message(parts), { ...mapping, ...more });
      return "event" in made ? made.event.idempotency_key : made.reason;
    };
    const long = "x".repeat(5_000);
    expect(keyOf({ id: long })).toBe(keyOf({ id: long }));
    expect(keyOf({ id: long })).toHaveLength(71);
    expect(keyOf({}, { source: "other" })).not.toBe(keyOf({}));
    expect(keyOf({ id: "1" }, { id: { kind: "body" } })).toBe(
      keyOf({ id: "2" }, { id: { kind: "body" } }),
    );
    expect(keyOf({ id: undefined })).toMatch(/nothing names it/);
    expect(keyOf({}, { id: { kind: "header", name: "Order" } })).toMatch(/no header Order/);
  });

  test("a time that no calendar has is left out", () => {
    const made = eventOf(message({ at: new Date(Number.NaN) }), mapping);
    expect("event" in made && made.event).not.toHaveProperty("timestamp");
  });
});

describe("a connection", () => {
  const end = () => new AbortController();
  const run = (connect: Connect, { signal }: AbortController) =>
    ingest({
      connect,
      options: {
        url: readBrokerUrl("nats://host")!,
        from: "a",
        consumer: "c",
        filter: undefined,
        deadLetter: "d",
      },
      mapping,
      publish: () => Promise.resolve({ kind: "stored", duplicates: 0 }),
      log: silentLog,
      signal,
      monotonicMs: () => 0,
      random: () => 0,
      readyMsMax: 50,
    });
  const never = () => new Promise<never>(() => {});

  test("that breaks while its broker is told what is done, and never answers, is made again", async () => {
    const ended = end();
    const acts = [
      (arrivals: Arrivals) => {
        arrivals.add(message());
        return () => {
          arrivals.end(new Error("it was killed"));
          return never();
        };
      },
      () => {
        ended.abort();
        return () => Promise.resolve();
      },
    ];
    const close = () => Promise.reject(new Error("closed"));
    await run((_, arrivals) => Promise.resolve({ flush: acts.shift()!(arrivals), close }), ended);
    expect(acts).toEqual([]);
  });

  test("that is never ready, or too late, is given up and made again, and the late one is closed", async () => {
    const ended = end();
    const closed: string[] = [];
    const source = (name: string): Source => ({
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(void closed.push(name)),
    });
    let makeLate = (_: Source) => {};
    const acts: Connect[] = [
      (_, arrivals) => {
        arrivals.add(message());
        setImmediate(() => arrivals.end(new Error("it was killed")));
        return Promise.resolve(source("first"));
      },
      never,
      () => new Promise((resolve) => (makeLate = resolve)),
      () => {
        makeLate(source("late"));
        ended.abort();
        return Promise.resolve(source("last"));
      },
    ];
    await run((options, arrivals) => acts.shift()!(options, arrivals), ended);
    expect(acts).toEqual([]);
    expect(closed.sort()).toEqual(["first", "last", "late"]);
  });

  test("that is never ready at the start ends it with one line", async () => {
    await expect(run(never, end())).rejects.toThrow(
      "the broker can't be reached (POSTHORN_BROKER_URL): no answer in 0.05 s",
    );
  });
});

test("a broker's URL is read with its servers and its user, and what is secret in it is in no text", () => {
  const url = readBrokerUrl("kafka+ssl://me:p%40ss@a:1,b:2?mechanism=scram-sha-256")!;
  expect(url).toMatchObject({
    kind: "kafka",
    isSecure: true,
    servers: ["a:1", "b:2"],
    user: "me",
    password: "p@ss",
  });
  expect(withoutSecrets("me with p@ss or p%40ss is not let in", url)).toBe(
    "me with … or … is not let in",
  );
  const token = readBrokerUrl("nats://t0ken@host")!;
  expect(withoutSecrets("t0ken: no", token)).toBe("…: no");
  for (const wrong of ["", "http://host", "nats://", "amqp://me:%zz@host"])
    expect(readBrokerUrl(wrong)).toBeUndefined();
});
