// What a request is refused with is said in our own words, and names the field.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import request from "supertest";

import { OPERATIONS, type Operation } from "../../src/rpc/router.ts";
import { caller, type Call } from "../helpers/api.ts";
import { fieldsOf } from "../helpers/fields.ts";
import { createPoster, type Poster } from "../helpers/poster.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const ZODS_WORDS = /\b(invalid|expected|unrecognized|too (small|big)|undefined|NaN)\b|, received/i;
const WRONG: unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e300, "", " ", "x", "x".repeat(3_000), "\0"],
  ...[[], [1], [""], Array(1_001).fill("x"), {}, { a: 1 }, { a: "b" }, [[]], [{}], [{ a: 1 }]],
];

let service: TestService;
let post: Call;
let poster: Poster;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
  poster = createPoster(service, 1);
});
afterAll(async () => {
  poster.close();
  await service.stop();
});

type Refusal = { message: string; code: string; issues?: { path: string; message: string }[] };

describe.each([...OPERATIONS.values()])("$name", (operation) => {
  test("refuses whatever is wrong with any of its fields in our own words", async () => {
    for (const { path } of fieldsOf(operation))
      for (const wrong of WRONG) {
        const { body } = await answerTo(operation, sampleWith(operation, path, wrong));
        expectOwnWords(body);
      }
    for (const wrong of WRONG) {
      const { status, body } = await answerTo(operation, wrong);
      if (status === 400) expectOwnWords(body);
    }
  });

  test("says of each field that it needs and does not get that it is needed", async () => {
    for (const { path, isOptional } of fieldsOf(operation)) {
      if (isOptional) continue;
      const { body } = await answerTo(operation, sampleWith(operation, path, undefined));
      const issue = body.issues?.find((each) => each.path === path.join("."));
      expect([operation.name, path, issue?.message]).toEqual([
        operation.name,
        path,
        expect.stringMatching(/\bneeded\b/),
      ]);
    }
  });
});

function expectOwnWords({ code, message, issues = [] }: Refusal): void {
  for (const issue of issues) expect(issue.message).not.toMatch(ZODS_WORDS);
  if (code === "invalid_request") expect(message).not.toMatch(ZODS_WORDS);
}

async function answerTo(
  { name }: Operation,
  value: unknown,
): Promise<{ status: number; body: Refusal }> {
  const { status, body } = await poster.post(name, JSON.stringify(value));
  return { status, body: JSON.parse(body) as Refusal };
}

/** A request's sample with another value at that path. */
function sampleWith({ meta }: Operation, path: readonly string[], value: unknown): object {
  const sample = structuredClone(meta.request) as object;
  const [name = "", ...way] = path.toReversed();
  type Node = { [key: string]: unknown };
  const parent = way.reduceRight((node, key) => (node[key] ??= {}) as Node, sample as Node);
  parent[name] = value;
  return sample;
}

test.each([
  [{}, [{ path: "url", message: "is needed" }]],
  [{ url: 1 }, [{ path: "url", message: "must be a text, found a number" }]],
  [{ url: "" }, [{ path: "url", message: "must not be empty" }]],
  [
    { ur: "http://127.0.0.1/" },
    [
      { path: "url", message: "is needed" },
      { path: "ur", message: "is not a field of this request; did you mean `url`?" },
    ],
  ],
  [
    { url: "http://127.0.0.1/", preset: "Airy", order: 3 },
    [
      { path: "preset", message: expect.stringMatching(/^must be one of airy, .*mean airy\?$/) },
      { path: "order", message: "must be one of none, channel, webhook; found a number" },
    ],
  ],
  [
    { url: "http://127.0.0.1/", timeout_ms: 1, retry_schedule_s: [0.5], paused: "no" },
    [
      { path: "retry_schedule_s.0", message: "must be a whole number, found 0.5" },
      { path: "timeout_ms", message: "must be at least 1000, found 1" },
      { path: "paused", message: "must be true or false, found a text" },
    ],
  ],
  [
    { url: "http://127.0.0.1/", rate_limit_per_s: 0, channels: Array(101).fill("a") },
    [
      { path: "channels", message: "must have at most 100 entries, found 101" },
      { path: "rate_limit_per_s", message: "must be above 0, found 0" },
    ],
  ],
  [[], [{ path: "", message: "the request must be an object, found a list" }]],
])("webhooks.subscribe %j", async (body, issues) => {
  const answer = await post("webhooks.subscribe", body);
  expect(answer.status).toBe(400);
  expect(answer.body.issues).toEqual(issues);
  const [{ path, message } = { path: "", message: "" }] = answer.body.issues;
  expect(answer.body.message).toMatch(`${path === "" ? "" : `${path}: `}${message}`);
});

test("a page that is too large is told by its field, its limit and what was found", async () => {
  const { body } = await post("webhooks.list", { page_size: 500 });
  expect(body.message).toBe("page_size: must be at most 200, found 500");
});

test("of an unknown field in a list the path is told, too, and no value", async () => {
  const events = [{ type: "a.b", payload: 1, chanel: "secret" }];
  const { body, text } = await post("events.publish_many", { events });
  expect(body.issues).toEqual([
    {
      path: "events.0.chanel",
      message: "is not a field of this request; did you mean `channel`?",
    },
  ]);
  expect(text).not.toContain("secret");
});

test.each([
  ["webhooks.subscrib", "; did you mean webhooks.subscribe?"],
  ["webhook.list", "; did you mean webhooks.list?"],
  ["webhooks/list", "; did you mean webhooks.list?"],
  ["deliveries.Retry", "; did you mean deliveries.retry?"],
  ["favicon.ico", "; /docs lists those there are"],
])("the unknown operation %s is answered with %j", async (name, advice) => {
  const message = `there is no operation "${name}"${advice}`;
  expect((await post(name)).body).toMatchObject({ code: "unknown_operation", message });
  const trpc = await request(service.url).get(`/trpc/${name}`).set("X-API-Key", service.adminKey);
  expect(trpc.body.error).toMatchObject({ message, data: { httpStatus: 404 } });
});
