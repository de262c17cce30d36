// The event types that every tenant has without making them.
import { AIRY_TYPES } from "./airy.ts";
import type { BuiltInType } from "./built-in.ts";
import { CAMPAIGN_TYPES } from "./campaigns.ts";
import { CONTACT_TYPES } from "./contacts.ts";
import { MESSAGE_TYPES } from "./messages.ts";
import { SIGNAL_TYPES } from "./signals.ts";
import { TRANSFER_TYPES } from "./transfers.ts";

export type { BuiltInType } from "./built-in.ts";

/** The built-in types, each with an example payload and a JSON Schema that documents it. */
export const CATALOGUE: readonly BuiltInType[] = [
  ...AIRY_TYPES,
  ...MESSAGE_TYPES,
  ...SIGNAL_TYPES,
  ...CONTACT_TYPES,
  ...CAMPAIGN_TYPES,
  ...TRANSFER_TYPES,
];
