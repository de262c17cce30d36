// Loaded before a worker that is to count and trace nothing: what its code calls for either is there, and does nothing.
import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import prom from "prom-client";

const nothing = () => {};
const label = { inc: nothing, observe: nothing, set: nothing };
for (const Metric of [prom.Counter, prom.Histogram]) {
  Metric.prototype.inc = nothing;
  Metric.prototype.observe = nothing;
  Metric.prototype.labels = () => label;
}

const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
trace.getTracer = () => ({ startSpan: () => span });
trace.setSpanContext = () => ROOT_CONTEXT;
