// A traceparent, as W3C's Trace Context has it: which trace something belongs to, and what it is done for. Pure.
import type { SpanContext } from "@opentelemetry/api";

const FORM = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const VERSION_LENGTH = 55; // of version 00; a later one may go on behind a dash

/** What a traceparent says; undefined where a text is none. Of a later version it is what 00 knows of. */
export function readTraceparent(text: string | null | undefined): SpanContext | undefined {
  const [, version, traceId = "", spanId = "", flags = ""] = FORM.exec(text ?? "") ?? [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && text?.length !== VERSION_LENGTH) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** The text of a traceparent. */
export function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
