// What a preset means, in words, and a sample of what will arrive: made by the preset itself, as deliveries are.
import { presetOf } from "../../../presets/index.ts";
import { namingHeaders } from "../../../presets/naming.ts";
import { firstTakenIn, type EventType } from "../../api/catalogue.ts";
import { now } from "../../api/clock.ts";
import { Payload } from "../../parts/payload.tsx";
import { span } from "../../parts/time.tsx";
import { useSignedIn } from "../../session/session.ts";
import { settingsOf, type Values } from "./values.ts";

const SAMPLE_ID = "evt_019c13f8d2007a1f80004c1b7a9e22d1";

export function PresetSample({ values, types }: { values: Values; types: EventType[] }) {
  const rules = useSignedIn().settings.presets.find(({ name }) => name === values.preset);
  const type = firstTakenIn(values.events, types);
  const preset = presetOf({ preset: values.preset, preset_settings: settingsOf(values) });
  const at = new Date(Math.floor(now() / 60_000) * 60_000);
  const timestamp = String(at.getTime() / 1_000);
  const body = preset.body({
    id: SAMPLE_ID,
    type: type?.name ?? values.events[0] ?? "message.created",
    timestamp: at,
    payload: JSON.stringify(type?.example ?? { id: 1 }),
  });
  const headers = [
    "POST / HTTP/1.1",
    "Content-Type: application/json",
    ...values.headers
      .filter(({ name }) => name.trim())
      .map(({ name }) => `${name.trim()}: ********`),
    ...Object.entries(
      namingHeaders(preset, {
        id: SAMPLE_ID,
        timestamp,
        attempt: 1,
        sequence: 1,
      }),
    ).map(([name, value]) => `${name}: ${value}`),
    `${preset.signatureHeader}: ${preset.signature.write([DIGESTS[preset.signature.encoding]], timestamp)}`,
  ];
  return (
    <aside className="preset" aria-label="What will arrive">
      <h2>What will arrive</h2>
      <Payload text={`${headers.join("\n")}\n\n${body}`} what="the sample" />
      {rules && (
        <ul>
          <li>
            Signed by an HMAC-SHA256 of {preset.signature.preamble?.("<id>", "<time>")}
            {"<body>"}, in <code>{preset.signatureHeader}</code>.
          </li>
          <li>
            Delivered once it is answered {rules.success === "200" ? "200" : "with any 2xx"} within{" "}
            {span(rules.timeout_ms / 1_000)}.
          </li>
          <li>
            Else tried again after {rules.retry_schedule_s.map(span).join(", ")}; then it is dead,
            and can be sent again by hand.
          </li>
          <li>
            {rules.https_only ? "Sent over https alone." : "Sent over http or https."}{" "}
            {rules.key_overlap
              ? "When the key is rotated, the old one signs beside the new one for a while."
              : "When the key is rotated, the new one signs at once."}
          </li>
        </ul>
      )}
    </aside>
  );
}

const DIGESTS = { hex: "5d41…1c5f", base64: "XUFA…HF8=" };
