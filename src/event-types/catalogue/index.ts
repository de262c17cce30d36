// The event types that every tenant has without making them.
import { AIRY_TYPES } from "./airy.ts";
import type { BuiltInType } from "./built-in.ts";
import { CONTACT_TYPES } from "./contacts.ts";
import { MESSAGE_TYPES } from "./messages.ts";
import { OPERATION_TYPES } from "./operations.ts";
import { SIGNAL_TYPES } from "./signals.ts";

export type { BuiltInType } from "./built-in.ts";

/** The built-in types, each with an example payload and a JSON Schema that documents it. */
export const CATALOGUE: readonly BuiltInType[] = [
  ...AIRY_TYPES,
  ...MESSAGE_TYPES,
  ...SIGNAL_TYPES,
  ...CONTACT_TYPES,
  ...OPERATION_TYPES,
];
