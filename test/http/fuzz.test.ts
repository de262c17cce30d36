// Bodies that nobody would send, by the thousand: each edge value in each place of each operation's sample, and others by
// chance, of which FUZZ_RUNS says how many for each operation.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";

import { MINUTE } from "../../src/kernel/duration.ts";
import { ERROR_STATUS } from "../../src/kernel/errors.ts";
import { createLog } from "../../src/kernel/log.ts";
import { OPERATIONS } from "../../src/rpc/router.ts";
import { createPoster, type Posted, type Poster } from "../helpers/poster.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

// Of a request with many places 2,000 by chance tried half of the edge values in them: so these are all tried, once, and
// chance is left with what has no end: texts, numbers and JSON of any kind, several at a time. Most of it is for CI.
const RUNS = Number(process.env["FUZZ_RUNS"] ?? (process.env["CI"] === "true" ? 2_000 : 500));
const SEED = Number(process.env["FUZZ_SEED"] ?? 20_260_131);
const AT_ONCE = 16;
const TRIES_MAX = 10;

let service: TestService;
const logged: string[] = [];
let poster: Poster;

beforeAll(async () => {
  const log = createLog("debug", { write: (line) => void logged.push(line) });
  service = await startTestService({}, { role: "api", log });
  poster = createPoster(service, AT_ONCE);
});
afterAll(async () => {
  poster.close();
  await service.stop();
});

const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
const text = (value: string) => JSON.stringify(value);

// As JSON text, since much of it is no value of JavaScript's.
const EDGES = [
  ...["null", "true", "0", "-1", "1.5", "1e400", "-0", "9007199254740993", "[]", "{}", '""'],
  ...[String.raw`"\u0000"`, String.raw`"\ud800"`, String.raw`"a\udc00b"`, '"\u202e\u0085"'],
  ...['{"__proto__":{"x":1}}', '{"constructor":{"prototype":1}}', '"__proto__"', '"0"'],
  ...[deep(600), deep(20_000), `[${Array(5_000).fill("1").join()}]`, text("x".repeat(20_000))],
  ...[text("é".repeat(300)), text("' or 1=1 --"), text("${7*7}"), text("../../etc/passwd")],
  ...['"evt_00000000000000000000000000000000"', '"dlv_ffffffffffffffffffffffffffffffff"'],
  ...['"http://[::1"', '"http://169.254.169.254/"', '"javascript:1"', '"2026-02-30T00:00:00Z"'],
];

const hostile: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.json(),
  fc.json({ stringUnit: "binary", maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 300 }).map(text),
  fc.double().map((value) => JSON.stringify(value)),
);

const ADDED = ["extra", "__proto__", "id", "cursor", "page_size"];

/** What becomes of a place of a sample, or of one that is added: another value, or none. */
type Change = { place: string; to: string | undefined };

/** The sample with each edge value in each of its places, and without each of them. */
function edgesIn(sample: unknown): string[] {
  const values = [undefined, ...EDGES];
  const places = [...placesOf(sample), ...ADDED];
  return [
    ...EDGES,
    ...places.flatMap((place) => values.map((to) => changed(sample, [{ place, to }]))),
  ];
}

/** The sample with one or several places missing, replaced or added, by chance. */
function mutated(sample: unknown): fc.Arbitrary<string> {
  const change = fc.record<Change>({
    place: fc.constantFrom(...placesOf(sample), ...ADDED),
    to: fc.oneof(
      { weight: 1, arbitrary: fc.constant(undefined) },
      { weight: 6, arbitrary: hostile },
    ),
  });
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) => changed(sample, changes));
}

function changed(sample: unknown, changes: Change[]): string {
  const marks = new Map(changes.map(({ place }, index) => [place, `@@${index}@@`]));
  let body = write(sample, "", marks);
  for (const { place, to } of changes) {
    const mark = `"${marks.get(place)}"`;
    if (to === undefined)
      body = body.replaceAll(new RegExp(String.raw`("[^"]*":)?${mark},?`, "g"), "");
    else body = body.replaceAll(mark, () => to);
  }
  return body.replaceAll(/,(?=[}\]])/g, "");
}

function placesOf(value: unknown, place = ""): string[] {
  const here = place === "" ? [] : [place];
  if (typeof value !== "object" || value === null) return here;
  return [
    ...here,
    ...Object.entries(value).flatMap(([name, each]) => placesOf(each, `${place}.${name}`)),
  ];
}

function write(value: unknown, place: string, marks: Map<string, string>): string {
  const mark = marks.get(place);
  if (mark !== undefined) return text(mark);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value))
    return `[${value.map((each, index) => write(each, `${place}.${index}`, marks)).join()}]`;
  const members = Object.entries(value).map(
    ([name, each]) => `${text(name)}:${write(each, `${place}.${name}`, marks)}`,
  );
  const added = [...marks].filter(([name]) => place === "" && !name.startsWith("."));
  return `{${[...members, ...added.map(([name, its]) => `${text(name)}:${text(its)}`)].join()}}`;
}

/** What is wrong with an answer, or undefined. */
function complaint({ status, type, body }: Posted): string | undefined {
  if (status >= 500) return `status ${status}`;
  if (!type.startsWith("application/json")) return `type ${type}`;
  const answer = JSON.parse(body) as Record<string, unknown>;
  if (status === 200) return undefined;
  const { message, code, request_id, issues = [], ...others } = answer;
  if (ERROR_STATUS[code as keyof typeof ERROR_STATUS] !== status) return `code ${String(code)}`;
  if (typeof message !== "string" || message === "" || Object.keys(others).length > 0) return body;
  if (typeof request_id !== "string" || request_id === "") return "no request_id";
  if (/\bat .*\.[jt]s:\d+|\bselect\b.*\bfrom\b|posthorn\./.test(message)) return message;
  return Array.isArray(issues) ? undefined : "issues";
}

const FIELDS = [
  ...["level", "time", "msg", "err", "operation", "request_id", "code"],
  ...["status", "took_ms", "tenant", "key_id", "ids"], // of a request
];
const ERR_FIELDS = ["name", "message", "code", "stack", "cause"];

/** What is wrong with a line of the log, or undefined. */
function complaintOfLine(line: string): string | undefined {
  if (line.indexOf("\n") !== line.length - 1) return `not one line: ${line}`;
  const { err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const unknown = [
    ...Object.keys(fields).filter((name) => !FIELDS.includes(name)),
    ...Object.keys(Object(err) as object).filter((name) => !ERR_FIELDS.includes(name)),
  ];
  return unknown.length > 0 ? `fields ${unknown.join()}: ${line}` : undefined;
}

/** Whether a line tells of something wrong: not of a call that was told to come again, which it does. */
const isTrouble = (line: string) =>
  /"level":"(warn|error|fatal)"/.test(line) && !line.includes('"code":"database_unavailable"');

/** Sends bodies, so many at once, and gives `judge` each answer. */
async function postAll(
  operation: string,
  bodies: string[],
  judge: (answer: Posted, body: string) => void,
): Promise<void> {
  const lanes = Array.from({ length: AT_ONCE }, async () => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop())
      judge(await posted(operation, body), body);
  });
  await Promise.all(lanes);
}

/** On a busy machine one may wait for another's lock for longer than a call may, and is told to come again: it does. */
async function posted(operation: string, body: string): Promise<Posted> {
  for (let tries = 1; ; tries++) {
    const answer = await poster.post(operation, body);
    if (answer.status !== 503 || tries === TRIES_MAX) return answer;
  }
}

const sampled = (sample: unknown, numRuns: number) =>
  fc.sample(
    fc.oneof({ weight: 5, arbitrary: mutated(sample) }, { weight: 1, arbitrary: hostile }),
    { numRuns, seed: SEED },
  );

test.each([...OPERATIONS.values()].map(({ name, meta }) => [name, meta.request] as const))(
  `each edge value in each place of %s, and ${RUNS} bodies by chance: never a 5xx, always the one shape, and no error in the log`,
  async (name, sample) => {
    const bad: { body: string; wrong: string; answer: string }[] = [];
    logged.length = 0;
    await postAll(name, [...edgesIn(sample), ...sampled(sample, RUNS)], (answer, body) => {
      const wrong = complaint(answer);
      if (wrong !== undefined)
        bad.push({ body: body.slice(0, 500), wrong, answer: answer.body.slice(0, 300) });
    });
    expect(bad.slice(0, 3)).toEqual([]);
    expect(logged.filter(isTrouble)).toEqual([]);
    expect(logged.map(complaintOfLine).filter((wrong) => wrong !== undefined)).toEqual([]);
  },
  15 * MINUTE,
);

// Last, since nothing works after it.
test("where the service is broken each 5xx is one line of JSON with known fields, whatever was sent", async () => {
  const sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
  await sql.query("alter table posthorn.events rename to events_gone");
  await sql.end();
  logged.length = 0;
  let broken = 0;
  const bodies = fc
    .sample(hostile, { numRuns: 200, seed: SEED })
    .map((payload) => `{"type":"message.created","payload":${payload}}`);
  await postAll("events.publish", bodies, ({ status, body }) => {
    if (status < 500) return;
    broken++;
    expect(JSON.parse(body)).toEqual({
      message: expect.any(String),
      code: "internal_error",
      request_id: expect.any(String),
    });
  });
  expect(broken).toBeGreaterThan(100);
  expect(logged.map(complaintOfLine).filter((wrong) => wrong !== undefined)).toEqual([]);
  const errors = logged
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ level }) => level !== "debug");
  expect(errors).toEqual(
    Array(broken).fill(
      expect.objectContaining({
        level: "error",
        operation: "events.publish",
        code: "internal_error",
      }),
    ),
  );
});
