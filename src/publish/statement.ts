// The one statement that publishes, and its values: those arguments alone that were given.

export type Statement = {
  /** The statement, cut where a value stands: drivers differ in how they mark the place. */
  parts: readonly string[];
  /** Text or null, which every driver sends as it is. */
  values: readonly (string | null)[];
};

/** How each field is given to posthorn.publish, in the order of its parameters. */
const ARGUMENTS = {
  type: { as: "", cast: "text" },
  payload_text: { as: "payload => ", cast: "text" },
  channel: { as: "channel => ", cast: "text" },
  tenant: { as: "tenant => ", cast: "text" },
  timestamp: { as: '"timestamp" => ', cast: "timestamptz" },
  idempotency_key: { as: "idempotency_key => ", cast: "text" },
  traceparent: { as: "traceparent => ", cast: "text" },
} as const;

const FIELDS = ["payload", ...Object.keys(ARGUMENTS)];

/** Throws a TypeError that names what can't be published. Whether it may be is the database's to judge. */
export function statementFor(event: Record<string, unknown>): Statement {
  for (const name of Object.keys(event))
    if (!FIELDS.includes(name))
      throw new TypeError(`${name} is no field of an event; there are ${FIELDS.join(", ")}`);
  const given: Record<string, unknown> = {
    ...event,
    payload_text: payloadOf(event),
    timestamp: timestampOf(event["timestamp"]),
  };

  const parts: string[] = [];
  const values: (string | null)[] = [];
  let before = "select posthorn.publish(";
  for (const [name, { as, cast }] of Object.entries(ARGUMENTS)) {
    const value = given[name];
    if (value === undefined) continue;
    parts.push(before + as);
    values.push(value === null ? null : textOf(name, value));
    before = `::${cast}, `;
  }
  return { parts: [...parts, `${before.slice(0, -", ".length)}) as id`], values };
}

function payloadOf({ payload, payload_text: text }: Record<string, unknown>): string {
  if (text !== undefined) {
    if (payload !== undefined)
      throw new TypeError("payload and payload_text are given both; leave one out");
    return textOf("payload_text", text);
  }
  const json = JSON.stringify(payload) as string | undefined; // which throws what is wrong, as with a bigint
  if (json !== undefined) return json;
  throw new TypeError(`payload: a value of JSON is needed, not ${nameOf(payload)}`);
}

// A text without an offset would be taken in the session's time zone, whichever that is.
function timestampOf(value: unknown): unknown {
  const isInstant =
    value instanceof Date
      ? !Number.isNaN(value.getTime())
      : typeof value !== "string" || /(?:Z|[+-]\d\d(?::?\d\d)?)$/i.test(value);
  if (!isInstant)
    throw new TypeError(
      `timestamp: a valid Date, or ISO 8601 text with Z or an offset, is needed, not ${String(value)}`,
    );
  return value instanceof Date ? value.toISOString() : value;
}

function textOf(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError(`${name}: text is needed, not ${nameOf(value)}`);
}

function nameOf(value: unknown): string {
  if (value === undefined) return "undefined";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
