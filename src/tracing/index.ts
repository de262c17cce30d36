// Spans, by OpenTelemetry's API alone: who registers an SDK in the process gets them, and nobody else pays for them.
import { randomBytes } from "node:crypto";

import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Link,
  type Span,
  type SpanContext,
} from "@opentelemetry/api";

import { VERSION } from "../kernel/version.ts";
import { readTraceparent, writeTraceparent } from "./traceparent.ts";

const SPAN_ID_BYTES = 8;

const tracer = trace.getTracer("posthorn", VERSION); // of whatever SDK there is when a span begins

/** Publishes within a span; `work` is given the traceparent to keep with what is published, null where there is none. */
export async function tracePublish<T>(
  given: string | undefined,
  attributes: Attributes,
  work: (traceparent: string | null) => Promise<T>,
): Promise<T> {
  const parent = trace.getSpanContext(context.active()) ?? readTraceparent(given);
  const span = start("posthorn publish", SpanKind.PRODUCER, parent);
  span.setAttributes(attributes);
  const own = span.spanContext();
  try {
    return await work(trace.isSpanContextValid(own) ? writeTraceparent(own) : null);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** An attempt's span. */
export type AttemptSpan = {
  /** What the receiver gets: a new span of the event's trace, whether or not it is recorded; null where there is no trace. */
  traceparent(): string | null;
  /** Ends it with what came of the attempt: `reason` where that has failed. `settlement` is what it is written down as. */
  end(settlement: object, reason: string | null, attributes: () => Attributes): void;
};

const attemptsOf = new WeakMap<object, SpanContext>(); // by the settlement that they come to

/** Begins an attempt in the trace that its event was published in. */
export function traceAttempt(traceparent: string | null): AttemptSpan {
  const parent = readTraceparent(traceparent);
  const span = start("posthorn attempt", SpanKind.CLIENT, parent);
  return {
    traceparent() {
      const own = span.spanContext();
      if (!trace.isSpanContextValid(own)) return null;
      const isNew = own.spanId !== parent?.spanId;
      const spanId = isNew ? own.spanId : randomBytes(SPAN_ID_BYTES).toString("hex");
      return writeTraceparent({ ...own, spanId });
    },
    end(settlement, reason, attributes) {
      if (!span.isRecording()) return;
      span.setAttributes(attributes());
      if (reason !== null) {
        span.setAttribute("error.type", reason);
        span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
      }
      span.end();
      attemptsOf.set(settlement, span.spanContext());
    },
  };
}

/** Tells of a claim that has ended `endedAt`, by the monotonic clock. */
export function traceClaim(deliveries: number, endedAt: number, tookMs: number): void {
  const span = start("posthorn claim", SpanKind.CONSUMER, undefined, {
    startTime: endedAt - tookMs,
  });
  span.setAttribute("posthorn.deliveries", deliveries);
  span.end(endedAt);
}

/** Tells of a settle likewise; it is linked with the attempts that it has written down. */
export function traceSettle(settlements: readonly object[], endedAt: number, tookMs: number): void {
  const links: Link[] = [];
  for (const settlement of settlements) {
    const context = attemptsOf.get(settlement);
    if (context) links.push({ context });
  }
  const span = start("posthorn settle", SpanKind.INTERNAL, undefined, {
    startTime: endedAt - tookMs,
    links,
  });
  span.setAttribute("posthorn.attempts", settlements.length);
  span.end(endedAt);
}

function start(
  name: string,
  kind: SpanKind,
  parent: SpanContext | undefined,
  options: { startTime?: number; links?: Link[] } = {},
): Span {
  const within = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  return tracer.startSpan(name, { kind, ...options }, within);
}
