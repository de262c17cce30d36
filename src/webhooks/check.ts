// Judges a webhook's settings before anything is stored: each problem is a 400 that names the field.
import { judgeHeaders } from "../egress/headers.ts";
import type { AddressRules } from "../egress/address.ts";
import { judgeUrl } from "../egress/url.ts";
import {
  isReservedType,
  OWN_EVENT_TYPES,
  PREFIX_PATTERN,
  takesInAny,
} from "../event-types/names.ts";
import { invalid, PosthornError } from "../kernel/errors.ts";
import { presetOf } from "../presets/index.ts";
import { demandsHttps, type HttpRule } from "../presets/policy.ts";
import { listEventTypeNames } from "../store/event-types.ts";
import type { Reach, TenantStore } from "../store/tenant.ts";
import { MASK, type SubscribeInput, type UpdateInput } from "./schema.ts";
import type { Settings } from "./settings.ts";

/** Where webhooks may point. `http` lifts or extends the presets' https rule (POSTHORN_HTTP). */
export type UrlPolicy = { addresses: AddressRules; http: HttpRule };

type PresetChoice = Pick<Settings, "preset" | "preset_settings">;

const KNOWN_NAMED_MAX = 50; // types that an error names; a tenant with more knows its own

/** Judges what a request says by itself. */
export function checkInput(input: Partial<SubscribeInput> | Omit<UpdateInput, "id">): void {
  if (input.url === null)
    throw invalid("url", "can't be cleared: a webhook needs one; leave it out to keep it");
  if (input.generate_signature_key && input.signature_key !== undefined)
    throw invalid(
      "generate_signature_key",
      "can't go with signature_key: give a key, or let one be made",
    );
  if (input.headers) {
    judgeHeaders(input.headers);
    for (const [name, value] of Object.entries(input.headers))
      if (value === MASK)
        throw invalid(
          `headers.${name}`,
          `the value is the mask ${MASK} that stands for a hidden one; pass the value itself`,
        );
  }
}

/** Answers the URL in its normal form, or throws the 400 for one that may not be sent to under this preset. */
export function checkUrl(url: string, settings: PresetChoice, policy: UrlPolicy): string {
  return judgeUrl(url, {
    ...policy.addresses,
    httpsOnly: demandsHttps(presetOf(settings), policy.http),
  });
}

/** Throws the 400 for a key that the preset can't sign with. */
export function checkKey(key: string, settings: PresetChoice): void {
  const wrong = presetOf(settings).checkKey(key);
  if (wrong !== null) throw invalid("signature_key", `${wrong} (preset ${settings.preset})`);
}

/** Throws the 400 for entries of `events` that are neither a known type nor a prefix; warns of prefixes without a type. */
export async function checkEvents(
  store: TenantStore,
  { events }: Pick<Settings, "events">,
): Promise<string[]> {
  return events.length === 0 ? [] : judgeEvents(store.reach, await listKnownTypes(store), events);
}

/** The types that a tenant's webhooks can name. */
export async function listKnownTypes({ db, tenant, reach }: TenantStore): Promise<string[]> {
  return [...(await listEventTypeNames(db, tenant)), ...(reach.isPortal ? [] : OWN_EVENT_TYPES)];
}

/** Of `checkEvents`, what is judged where the known types are at hand. */
export function judgeEvents(
  { isPortal }: Reach,
  known: readonly string[],
  events: readonly string[],
): string[] {
  const more = known.length > KNOWN_NAMED_MAX ? ` and ${known.length - KNOWN_NAMED_MAX} more` : "";
  const those = `known are ${known.slice(0, KNOWN_NAMED_MAX).join(", ")}${more}`;
  const strangers = events.filter((entry) => !takesInAny(entry, known));
  const isUnknown = (entry: string) =>
    !PREFIX_PATTERN.test(entry) || (isPortal && isReservedType(entry));
  const unknown = strangers.find(isUnknown);
  if (unknown !== undefined)
    throw invalid(
      `events.${events.indexOf(unknown)}`,
      `${JSON.stringify(unknown)} is not an event type of this tenant; ${those}, and prefixes ending in .*`,
    );
  return strangers.map(
    (entry) =>
      `events.${events.indexOf(entry)}: ${JSON.stringify(entry)} takes in no event type that there is today; ${those}`,
  );
}

/** Throws the 403 where a portal's session of some webhooks would have one take in channels that it did not: others' events. */
export function refuseWiderChannels(
  { webhooks }: Reach,
  before: Pick<Settings, "channels">,
  after: Pick<Settings, "channels">,
): void {
  if (webhooks === null || before.channels.length === 0) return;
  const isWider =
    after.channels.length === 0 || after.channels.some((each) => !before.channels.includes(each));
  if (isWider)
    throw new PosthornError(
      "forbidden",
      "channels: this session may take channels away from a webhook, and add none; ask who gave you the link",
    );
}
