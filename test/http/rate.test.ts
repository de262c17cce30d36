// What one API key may ask for in a second.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import request from "supertest";

import { createAdmit } from "../../src/http/rate.ts";
import { caller, until } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const PER_SECOND = 5;

let service: TestService;
let keys: { key: string }[];

beforeAll(async () => {
  service = await startTestService({ POSTHORN_RATE_PER_KEY: String(PER_SECOND) }, { role: "api" });
});
afterAll(() => service.stop());
beforeEach(async () => {
  keys = [];
  for (let n = 0; n < 2; n++) keys.push((await make("manage")).body);
});

const make = async (scope: string) => {
  for (;;) {
    const answer = await caller(service)("keys.create", { name: "x", scope });
    if (answer.status === 200) return answer; // the admin's key has its limit, too
  }
};
const as = (n: number) => caller({ url: service.url, adminKey: keys[n]?.key ?? "" });
const many = (count: number, ask: () => PromiseLike<request.Response>) =>
  Promise.all(Array.from({ length: count }, ask));
/** On a busy machine many at once may come to more than a second's: then they are sent again. */
const someRefused = (answers: readonly { status: number }[]) =>
  answers.some(({ status }) => status === 429);
const statuses = (answers: request.Response[]) => answers.map(({ status }) => status).sort();

test("more requests a second than POSTHORN_RATE_PER_KEY are 429 with Retry-After, of that key alone", async () => {
  const answers = await until(() => many(20, () => as(0)("webhooks.list")), someRefused);
  const refused = answers.filter(({ status }) => status === 429);
  expect(statuses(answers).filter((status) => status === 200).length).toBeGreaterThanOrEqual(
    PER_SECOND,
  );
  for (const { body, headers } of refused) {
    expect(body).toMatchObject({
      message: expect.stringContaining("5 requests a second"),
      code: "rate_limited",
    });
    expect(headers["retry-after"]).toBe("1");
  }
  await as(1)("webhooks.list").expect(200);
});

test("over /trpc each call of a batch counts, and the refusal is in tRPC's envelope", async () => {
  const ask = (calls: string[]) =>
    request(service.url)
      .get(`/trpc/${calls.join()}?batch=1`)
      .set("X-API-Key", keys[0]?.key ?? "");
  const batch = Array<string>(4).fill("webhooks.list");
  const answers = await until(() => many(4, () => ask(batch)), someRefused);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.headers["retry-after"]).toBe("1");
  expect(refused?.body[0].error.data).toMatchObject({
    httpStatus: 429,
    error_code: "rate_limited",
  });
});

test.each([
  "x/webhooks.list",
  "/webhooks.list",
  "webhooks%2Elist",
  "webhooks.list%2Cwebhooks.list",
])(
  "over /trpc an operation has one spelling, so that none goes uncounted: %s is 404",
  async (path) => {
    const answers = await many(10, () =>
      request(service.url)
        .get(`/trpc/${path}?batch=1`)
        .set("X-API-Key", keys[0]?.key ?? ""),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(404);
      for (const { error } of body) expect(error.data.error_code).toBe("unknown_operation");
    }
  },
);

test("over /trpc a batch with one call spelled otherwise calls nothing", async () => {
  const answer = await request(service.url)
    .get(`/trpc/webhooks.list,webhooks%2Elist?batch=1`)
    .set("X-API-Key", keys[0]?.key ?? "");
  expect([answer.status, answer.body.length, JSON.stringify(answer.body)]).toEqual([
    404,
    2,
    expect.not.stringContaining('"result"'),
  ]);
});

test("a 401 and a 403 go before the 429, and it before what is wrong with the body", async () => {
  expect(statuses(await many(30, () => as(0)("keys.list")))).toEqual(Array(30).fill(403));
  const unknown = caller({ url: service.url, adminKey: "unknown" });
  expect(statuses(await many(30, () => unknown("webhooks.list")))).toEqual(Array(30).fill(401));
  await until(
    async () => {
      const typed = () => as(0)("webhooks.list").set("Content-Type", "text/plain").send("x");
      return [...new Set(statuses(await many(30, typed)))].join();
    },
    (found) => found === "415,429",
  );
});

test("who does not heed Retry-After, and asks again at once, gets four answers a second on a connection", async () => {
  const refused = async () => {
    const startedAt = performance.now();
    const { status } = await as(1)("webhooks.list");
    return { status, tookMs: performance.now() - startedAt };
  };
  const answers = await until(() => Promise.all(Array.from({ length: 10 }, refused)), someRefused);
  const late = answers.filter(({ status }) => status === 429);
  for (const { tookMs } of late) expect(tookMs).toBeGreaterThan(245);
});

test("a batch larger than a second's worth is let in by itself", async () => {
  const admit = createAdmit(3);
  await admit("key", 20);
  await expect(admit("key")).rejects.toMatchObject({ status: 429, retryAfterS: 1 });
});

test("0 is no limit", async () => {
  const admit = createAdmit(0);
  for (let n = 0; n < 1_000; n++) await admit("key");
});
