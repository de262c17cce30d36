// The settings of the preset `custom`, on the wire.
import { z } from "zod";

import { request } from "../kernel/request.ts";
import { ENCODINGS, ENVELOPE_NAMES, SIGNED } from "../presets/custom.ts";
import { LIMITS } from "./limits.ts";

const headerName = z.string().min(1).max(LIMITS.header_name);

const prefix = z
  .string()
  .max(LIMITS.prefix)
  .regex(/^(?! )[ -~]*$/, "visible ASCII is needed, with no space before it");

const asGiven = {
  signature_header: headerName.meta({
    description: "Which header carries the signature, where the webhook has a key.",
  }),
  id_header: headerName
    .nullable()
    .default(null)
    .meta({ description: "Which header carries the event's id beside `Webhook-Id`." }),
  timestamp_header: headerName.nullable().default(null).meta({
    description:
      "Which header carries the attempt's time in Unix seconds beside `Webhook-Timestamp`.",
  }),
  prefix: prefix.default("").meta({
    description:
      "What stands before the digest in the signature header, as `sha256=`; in it `{timestamp}` is the attempt's time.",
  }),
  encoding: z
    .enum(ENCODINGS)
    .default(ENCODINGS[0])
    .meta({ description: "How the digest is written; `hex` unless `base64`." }),
  signed: z.enum(SIGNED).default(SIGNED[0]).meta({
    description: "What the HMAC-SHA256 is of; `body` unless the time, or the id too, go before.",
  }),
  envelope: z.enum(ENVELOPE_NAMES).default(ENVELOPE_NAMES[0]).meta({
    description:
      "The body: `raw` is the payload as published, the others as those presets have it.",
  }),
};

/** `preset_settings` in a request: what is left out has its default. */
export const presetSettingsInput = request(asGiven).nullable().optional().meta({
  description: "The form of the preset `custom`, which needs it; no other preset takes it.",
});

/** The same in an answer. */
export const presetSettings = z
  .object({
    signature_header: z.string(),
    id_header: z.string().nullable(),
    timestamp_header: z.string().nullable(),
    prefix: z.string(),
    encoding: z.enum(ENCODINGS),
    signed: z.enum(SIGNED),
    envelope: z.enum(ENVELOPE_NAMES),
  })
  .nullable()
  .meta({ description: "The form of the preset `custom`; null where it is another." });
