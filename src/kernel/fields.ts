// Fields that many requests share.
import { z } from "zod";

import { parseId, type IdPrefix } from "./ids.ts";

/** An instant in an answer: ISO 8601, UTC, milliseconds. */
export const instant = z
  .string()
  .meta({ format: "date-time", description: "ISO 8601, UTC, milliseconds." });

/** Who made a change, in an answer. */
export const madeBy = z
  .object({ key_id: z.string().nullable(), name: z.string() })
  .nullable()
  .meta({
    description:
      "The key of the request, as it was called then, without an id where it is POSTHORN_ADMIN_KEY; null: the service itself.",
  });

/** A string in an answer, or null, that comes printed already: see rawString. */
export function printedText(meta: { description: string }): z.ZodType<string | null> {
  return z.any().meta({ type: ["string", "null"], ...meta });
}

/** A value in an answer that comes printed already: it is described as what it is, and not looked at again. See rawList. */
export function printedAs<Schema extends z.ZodType>(schema: Schema): Schema {
  const printed = schema.clone();
  printed._zod.run = (payload) => payload;
  return printed;
}

/** An instant in a request: ISO 8601 with Z or an offset. */
export const instantInput = z.iso
  .datetime({
    offset: true,
    error: "an ISO 8601 time with Z or an offset is needed, like 2026-01-31T12:00:00Z",
  })
  .transform((text) => new Date(text))
  .refine((date) => !Number.isNaN(date.getTime()), "not a time of the calendar");

/** Text of at most `max` characters that PostgreSQL can hold: no NUL, and no half of a surrogate pair. */
export function plainText(max: number) {
  return z
    .string()
    .max(max)
    .refine((value) => !/[\0\p{Cs}]/u.test(value), "holds a NUL or half a surrogate pair");
}

export const WHITE_SPACE_AT_ENDS =
  "begins or ends with white space, which is pasted by mistake as a rule and seen by nobody; give it without";

/** Whether a text neither begins nor ends with white space. */
export function isTrimmed(text: string): boolean {
  return text === text.trim();
}

/** The same text, refused where white space is at its ends: what is compared or signed with must not differ unseen. */
export function trimmed(text: z.ZodString) {
  return text.refine(isTrimmed, WHITE_SPACE_AT_ENDS);
}

const SEARCHED_MAX = 2_048; // a URL, whole

/** A text that is looked for, as it was typed or pasted: what is at its ends is nobody's name. */
export const searchedText = plainText(SEARCHED_MAX)
  .transform((text) => text.trim())
  .refine((text) => text !== "", "what to look for is needed");

const IDEMPOTENCY_KEY_MAX = 255;

/** What the caller calls one request, so that it can be sent again. */
export const idempotencyKey = plainText(IDEMPOTENCY_KEY_MAX).min(1);

/** The same, of a request that makes something. */
export const makersKey = idempotencyKey.optional().meta({
  description:
    "The same request again within 24 hours, under the same API key, does nothing and gets the same answer, secrets included.",
});

export const CHANNEL_MAX = 255;

/** A channel in a request. */
export const channelInput = plainText(CHANNEL_MAX).min(1);

const MEMBERS_MAX = 100; // more than anything that is sent here has, but for payloads and schemas

/**
 * Says what is wrong with an object of more members than any has; null where it has not. They are judged one by one, and a
 * megabyte of them for half a second.
 */
export function tooManyMembers(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const count = Object.keys(value).length;
  if (count <= MEMBERS_MAX) return null;
  return `has ${count} members, and nothing that is sent here has more than ${MEMBERS_MAX}; leave out what is not known`;
}

/**
 * Strings by name, each like `value`. A member called `__proto__` is refused: zod's record would drop it without a word, since an object of
 * JavaScript can't simply be given one.
 */
export function stringsByName(value = z.string()) {
  return z.preprocess(
    (members: Record<string, string>, context) => {
      if (Object.hasOwn(Object(members) as object, "__proto__"))
        context.addIssue({
          code: "custom",
          path: ["__proto__"],
          message: "is reserved: no member can have this name; use another",
        });
      const tooMany = tooManyMembers(members);
      if (tooMany !== null) context.addIssue(tooMany);
      return members;
    },
    z.record(z.string(), value),
  );
}

/** Tenant names, by the contract. */
export const TENANT_PATTERN = /^[a-z0-9_-]{1,64}$/;

/** Everybody's, who names none. */
export const DEFAULT_TENANT = "default";

/** What an admin says in place of a tenant's name, to read over all of them. */
export const ALL_TENANTS = "*";

/** Whose an item of a list is. */
export const itsTenant = z.string().optional().meta({
  description: "Whose it is: there only where `X-Tenant: *` asks over all tenants.",
});

/** The cells that an answer over all of them is without. */
export const awayCells = z.array(z.string()).optional().meta({
  description:
    "The cells that did not answer, so that what their tenants have is not in here; left out where all did, and where there are none.",
});

/** A tenant's name in a request. */
export const tenantInput = z
  .string()
  .regex(TENANT_PATTERN, "1 to 64 of a-z, 0-9, _ and - are needed");

/** A webhook's id in a request: a bare UUID, as in Airy. */
export const webhookIdInput = z.uuid({ error: "a UUID is needed" }).toLowerCase();

/** The answer of an operation that has nothing to tell. */
export const nothing = z.object({}).meta({ id: "Nothing" });

/** A public id in a request, read into the UUID that the store knows. */
export function idInput(prefix: IdPrefix) {
  return z
    .string()
    .max(64)
    .meta({ pattern: `^${prefix}_[0-9a-f]{32}$` }) // described, but judged below, in words
    .transform((id, context) => {
      const uuid = parseId(prefix, id);
      if (uuid !== undefined) return uuid;
      context.addIssue({
        code: "custom",
        message: `an id like ${prefix}_ and 32 lower-case hex digits is needed`,
      });
      return z.NEVER;
    });
}

/** The span of a list: `since` is included, `until` is not; both go by `created_at`. */
export const spanInput = {
  since: instantInput.optional().meta({ description: "created_at at or after this." }),
  until: instantInput.optional().meta({ description: "created_at before this." }),
};

/** Whether anything can lie in a span. */
export function hasSpan({ since, until }: { since?: Date | undefined; until?: Date | undefined }) {
  return since === undefined || until === undefined || since <= until;
}

/** What is said of a span in which nothing can. */
export const NO_SPAN = { path: ["until"], message: "is before `since`: nothing lies between them" };
