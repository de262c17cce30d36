import { expect, test } from "@jest/globals";

import { createPublisher, publish, type Publish } from "../../src/publish/index.ts";
import { until } from "../helpers/api.ts";

type Asked = { text: string; values: unknown[] | undefined };

function recorder() {
  const asked: Asked[] = [];
  const query = (text: string, values?: unknown[]) => {
    asked.push({ text, values });
    return Promise.resolve({ rows: [{ id: "evt_1" }] });
  };
  return { asked, query };
}

test("only what is given is said to the database, all of it as values", async () => {
  const executor = recorder();
  expect(await publish(executor, { type: "a.b", payload: { n: 1 }, channel: undefined })).toBe(
    "evt_1",
  );
  expect(executor.asked).toEqual([
    {
      text: "select posthorn.publish($1::text, payload => $2::text, tenant => $3::text) as id",
      values: ["a.b", '{"n":1}', "default"],
    },
  ]);
});

test("a publisher's tenant holds unless an event says another", async () => {
  const executor = recorder();
  const { publish } = createPublisher({ tenant: "acme" });
  await publish(executor, { type: "a.b", payload: 1 });
  await publish(executor, { type: "a.b", payload: 1, tenant: "other" });
  expect(executor.asked.map(({ values }) => values?.[2])).toEqual(["acme", "other"]);
});

test.each([
  [
    { type: "a.b", payload: 1, idempotencyKey: "k" },
    "idempotencyKey is no field of an event; there are payload, type",
  ],
  [{ type: "a.b" }, "payload: a value of JSON is needed, not undefined"],
  [{ type: "a.b", payload: () => 1 }, "payload: a value of JSON is needed, not a function"],
  [{ type: "a.b", payload: 1n }, "BigInt"],
  [
    { type: "a.b", payload: 1, payload_text: "1" },
    "payload and payload_text are given both; leave one out",
  ],
  [{ type: "a.b", payload_text: {} }, "payload_text: text is needed, not an object"],
  [{ type: 7, payload: 1 }, "type: text is needed, not a number"],
  [
    { type: "a.b", payload: 1, timestamp: new Date(NaN) },
    "timestamp: a valid Date, or ISO 8601 text with Z or an offset, is needed, not Invalid Date",
  ],
  [
    { type: "a.b", payload: 1, timestamp: "2026-01-31 12:00" },
    "with Z or an offset, is needed, not 2026-01-31 12:00",
  ],
  [{ type: "a.b", payload: 1, tenant: 7 }, "tenant: text is needed, not a number"],
])("%j is refused before the database is asked", async (event, message) => {
  const executor = recorder();
  await expect(publish(executor, event as never)).rejects.toThrow(message);
  await expect(publish(executor, event as never)).rejects.toThrow(TypeError);
  expect(executor.asked).toEqual([]);
});

test.each([undefined, null, {}, "postgres://", { query: "no function" }])(
  "an executor that can't run a query is refused: %j",
  async (executor) => {
    await expect(publish(executor as never, { type: "a.b", payload: 1 })).rejects.toThrow(
      "the executor can't run a query: give a client of pg",
    );
  },
);

test("an executor that answers no row is told, rather than an id invented", async () => {
  const executor = { query: () => Promise.resolve([]) };
  await expect(publish(executor, { type: "a.b", payload: 1 })).rejects.toThrow("answered no row");
});

test("publishing costs at most 15 times what its payload costs to print and to read", async () => {
  const answer = Promise.resolve({ rows: [{ id: "evt_1" }] });
  const executor = { query: () => answer };
  const payload = { id: 1, text: "x".repeat(1_000), lines: [1, 2, 3] };
  const CALLS = 5_000; // its code is compiled by then
  const cpuOf = async (call: () => unknown) => {
    const from = process.cpuUsage();
    for (let n = 0; n < CALLS; n++) await call();
    const { user, system } = process.cpuUsage(from);
    return user + system;
  };
  const publishing = () => publish(executor, { type: "a.b", payload, channel: "c" });
  // Beside each other, since the same work takes a processor that others use, or that is slowed down, many times as long.
  const timesMore = async () =>
    (await cpuOf(publishing)) / (await cpuOf(() => JSON.parse(JSON.stringify(payload))));
  await until(timesMore, (times) => times < 15);
});

// Compiled only: the compiler holds what these say.
type Events = { "order.created": { id: number }; "order.paid": { id: number; total: string } };
const typed = createPublisher<Events>().publish;
export const misuses = (executor: Parameters<Publish>[0]) => [
  typed(executor, { type: "order.paid", payload: { id: 1, total: "9.99" } }),
  typed(executor, { type: "order.paid", payload_text: "{}" }),
  // @ts-expect-error there is no such type
  typed(executor, { type: "order.gone", payload: { id: 1 } }),
  // @ts-expect-error the payload is another type's
  typed(executor, { type: "order.paid", payload: { id: 1 } }),
  // @ts-expect-error the payload is missing
  typed(executor, { type: "order.paid" }),
];
