// What property tests draw: any event, any JSON text, any key a preset takes.
import fc from "fast-check";

import type { OutgoingEvent, NamedPreset } from "../../src/presets/index.ts";

const jsonText = fc.oneof(
  fc.json({ stringUnit: "binary" }),
  fc.json({ stringUnit: "binary" }).map((text) => JSON.stringify(JSON.parse(text), null, 2)),
  fc.constantFrom("null", "-0", "12345678901234567890", "1E400", String.raw`"\ud800"`, " [ ] "),
);

/** Events of any type text and any JSON payload text, at any time of the years 1 to 9999. */
export const anyEvent: fc.Arbitrary<OutgoingEvent> = fc.record({
  id: fc.uuid({ version: 7 }).map((uuid) => `evt_${uuid.replaceAll("-", "")}`),
  type: fc.string({ unit: "binary" }),
  timestamp: fc.date({
    min: new Date("0001-01-01T00:00:00.000Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  }),
  payload: jsonText,
});

const textKey = fc.string({ unit: "binary", minLength: 1, maxLength: 128 });
const base64Key = fc
  .tuple(fc.uint8Array({ minLength: 24, maxLength: 64 }), fc.constantFrom("", "whsec_"))
  .map(([bytes, prefix]) => prefix + Buffer.from(bytes).toString("base64"));

/** Any key that the preset takes. */
export function anyKeyOf(name: NamedPreset): fc.Arbitrary<string> {
  return name === "standard" || name === "svix" ? base64Key : textKey;
}
