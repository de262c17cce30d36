// Traces: an event's deliveries are told in the trace that it was published in, to whoever listens.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type pg from "pg";

import { publish as publishIn } from "../../src/publish/index.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const GIVEN = `00-${TRACE}-00f067aa0ba902b7-01`;
const EVENT = { type: "message.created", payload: { id: 1 } };

let service: TestService;
let sql: pg.Client;
let inbox: Inbox;
let post: Call;

beforeAll(async () => {
  service = await startTestService({ POSTHORN_TRACE_RECEIVERS: "on" });
  sql = await service.connect();
});
afterAll(() => service.stop());
beforeEach(async () => {
  inbox = await startInbox();
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});
afterEach(() => inbox.close());

let tenants = 0;
const tenant = () => `tenant-${tenants}`;
const subscribe = (settings: object = {}) =>
  post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200);
const publish = async (traceparent: string): Promise<string> =>
  (await post("events.publish", EVENT).set({ traceparent }).expect(200)).body.id;
const kept = async (id: string) => {
  const text = "select traceparent from posthorn.v_events where id = $1";
  return (await sql.query<{ traceparent: string | null }>(text, [id])).rows[0]?.traceparent;
};
/** The attempts at the event's one delivery, as they are read once so many are written down. */
const attemptsOf = async (eventId: string, count: number) => {
  const listed = () => post("deliveries.list", { event_id: eventId });
  const { body } = await until(listed, ({ body }) => body.data[0]?.attempts_made === count);
  return (await post("deliveries.info", { id: body.data[0].id }).expect(200)).body.attempts;
};
const recorded = async (eventId: string, count: number) => {
  const attempts: { number: number; request_headers: Record<string, string> }[] = await attemptsOf(
    eventId,
    count,
  );
  return attempts
    .sort((a, b) => a.number - b.number)
    .map(({ request_headers }) => request_headers["traceparent"]);
};
const received = async (count: number) =>
  (await inbox.arrived(count)).map(({ headers }) => String(headers["traceparent"]));

describe("without an SDK", () => {
  test("the caller's traceparent is kept with the event, by either door", async () => {
    const { body } = await post("events.publish_many", { events: [EVENT, EVENT] }).set({
      traceparent: GIVEN,
    });
    const bySql = `select posthorn.publish('message.created', '1', tenant => $1, traceparent => $2) as id`;
    const { rows } = await sql.query<{ id: string }>(bySql, [tenant(), GIVEN]);
    const keyed = await sql.query<{ id: string }>(
      bySql.replace("traceparent =>", "idempotency_key => 'k', traceparent =>"),
      [tenant(), GIVEN],
    );
    const inNode = await publishIn(sql, { ...EVENT, tenant: tenant(), traceparent: GIVEN });
    const byHttp = body.data.map(({ id }: { id: string }) => id);
    const ids = [await publish(GIVEN), ...byHttp, rows[0]?.id, keyed.rows[0]?.id, inNode];
    for (const id of ids) expect(await kept(id)).toBe(GIVEN);
  });

  test.each([
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `${GIVEN}-more`,
    GIVEN.toUpperCase(),
    `${GIVEN} `.padEnd(4_000, "x"),
  ])("what is no traceparent is ignored, by either door: %.60s", async (given) => {
    expect(await kept(await publish(given))).toBeNull();
    const { rows } = await sql.query<{ id: string }>(
      "select posthorn.publish('message.created', '1', tenant => $1, traceparent => $2) as id",
      [tenant(), given],
    );
    expect(await kept(rows[0]?.id ?? "")).toBeNull();
  });

  test("of a later version what is known of it is kept", async () => {
    const later = `01-${TRACE}-00f067aa0ba902b7-01-of the future`;
    expect(await kept(await publish(later))).toBe(GIVEN);
  });

  test("each attempt tells its receiver a new span of the event's trace, and shows later which", async () => {
    inbox.reply = (_request, number) => ({ status: number === 0 ? 500 : 200 });
    await subscribe({ retry_schedule_s: [1] });
    const id = await publish(GIVEN);
    const [first = "", second = ""] = await received(2);
    for (const each of [first, second])
      expect(each).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    expect(new Set([first, second, GIVEN]).size).toBe(3);
    expect(await recorded(id, 2)).toEqual([first, second]);
  });

  test("a webhook's own traceparent goes before the event's, and an event without one tells none", async () => {
    await subscribe({ headers: { TraceParent: "mine" } });
    const id = await publish(GIVEN);
    expect(await received(1)).toEqual(["mine"]);
    const [attempt] = await attemptsOf(id, 1);
    expect(Object.keys(attempt.request_headers).map((name) => name.toLowerCase())).toContain(
      "traceparent",
    );
    expect(JSON.stringify(attempt.request_headers)).not.toContain(TRACE);
    await post("webhooks.subscribe", { url: `${inbox.url}/other` }).expect(200);
    await post("events.publish", EVENT).expect(200);
    const requests = await inbox.arrived(3);
    const other = requests.find(({ path }) => path.endsWith("/other"));
    expect(other?.headers).not.toHaveProperty("traceparent");
  });

  test("receivers are told nothing unless POSTHORN_TRACE_RECEIVERS is on", async () => {
    const quiet = await startTestService();
    const call = caller(quiet);
    await call("webhooks.subscribe", { url: inbox.url }).expect(200);
    await call("events.publish", EVENT).set({ traceparent: GIVEN }).expect(200);
    const [request] = await inbox.arrived(1);
    await quiet.stop();
    expect(request?.headers).not.toHaveProperty("traceparent");
  });
});

describe("with an SDK", () => {
  const exporter = new InMemorySpanExporter();
  beforeAll(() => {
    const spanProcessors = [new SimpleSpanProcessor(exporter)];
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
  });
  afterAll(() => trace.disable());
  beforeEach(() => exporter.reset());

  const spans = (name: string) =>
    exporter.getFinishedSpans().filter((span) => span.name === `posthorn ${name}`);

  test("publish, claim, attempt and settle are spans, the attempts in the caller's trace", async () => {
    inbox.reply = (_request, number) => ({ status: number === 0 ? 500 : 200 });
    const { body: webhook } = await subscribe({ retry_schedule_s: [1] });
    const id = await publish(GIVEN);
    const told = await received(2);
    await until(
      () => Promise.resolve(spans("settle")),
      (found) => found.length === 2,
    );
    const [published] = spans("publish");
    expect(published?.kind).toBe(SpanKind.PRODUCER);
    expect(published?.spanContext().traceId).toBe(TRACE);
    expect(published?.parentSpanContext?.spanId).toBe("00f067aa0ba902b7");
    expect(await kept(id)).toContain(published?.spanContext().spanId);

    const attempts = spans("attempt");
    for (const [n, span] of attempts.entries()) {
      expect(span.parentSpanContext?.spanId).toBe(published?.spanContext().spanId);
      expect(span.kind).toBe(SpanKind.CLIENT);
      expect(told[n]).toBe(`00-${TRACE}-${span.spanContext().spanId}-01`);
      expect(span.attributes).toMatchObject({
        "posthorn.tenant": tenant(),
        "posthorn.event_id": id,
        "posthorn.webhook_id": webhook.id,
        "posthorn.attempt": n + 1,
        "http.response.status_code": n === 0 ? 500 : 200,
      });
    }
    expect(attempts.map(({ status }) => status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.UNSET,
    ]);
    expect(spans("claim").map(({ attributes }) => attributes["posthorn.deliveries"])).toEqual([
      1, 1,
    ]);
    expect(spans("settle").map(({ links }) => links.map((link) => link.context.spanId))).toEqual(
      attempts.map((span) => [span.spanContext().spanId]),
    );
  });

  test("an event that came without a trace begins one of its own", async () => {
    await subscribe();
    await post("events.publish", EVENT).expect(200);
    const [told] = await received(1);
    const [published] = spans("publish");
    expect(published?.parentSpanContext).toBeUndefined();
    expect(told).toContain(published?.spanContext().traceId);
  });

  test("a publish that is refused is a span that has failed", async () => {
    await post("events.publish", { type: "no.such", payload: 1 }).expect(400);
    expect(spans("publish").map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR]);
    expect(context.active()).toBe(ROOT_CONTEXT);
  });
});
