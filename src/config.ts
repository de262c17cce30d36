// The configuration: every setting, its default and its meaning. The only reader of the environment.
import { z } from "zod";

import { parseCidrs, type Cidr } from "./egress/address.ts";
import { StartError } from "./kernel/errors.ts";

const SECRETS_KEY_BYTES = 32;
const ADMIN_KEY_LENGTH_MIN = 24;

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "a whole number is needed")
    .transform(Number)
    .pipe(z.number().min(min, `at least ${min} is needed`).max(max, `at most ${max} is possible`));

const databaseUrl = z.string().superRefine((value, context) => {
  if (
    !/^postgres(ql)?:\/\//.test(value) ||
    !URL.canParse(value.replace(/^postgres(ql)?:/, "http:"))
  )
    context.addIssue({
      code: "custom",
      message: "an address like postgres://user:password@host:5432/database is needed",
    });
});

const secretsKeys = z.string().transform((value, context) => {
  const keys = value.split(",").map((part) => Buffer.from(part.trim(), "base64"));
  if (keys.every((key) => key.length === SECRETS_KEY_BYTES)) return keys as [Buffer, ...Buffer[]];
  context.addIssue({
    code: "custom",
    message:
      "32 bytes in base64 are needed (make them with: openssl rand -base64 32), several comma-separated, newest first",
  });
  return z.NEVER;
});

const cidrs = z.string().transform((value, context): Cidr[] => {
  try {
    return parseCidrs(value);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
});

/** One setting: how its text is read, and what `.env.example` says of it. */
type Setting<T extends z.ZodType = z.ZodType> = { read: T; fallback: string | null; about: string };

const setting = <T extends z.ZodType>(
  read: T,
  fallback: string | null,
  about: string,
): Setting<T> => ({
  read,
  fallback,
  about,
});

/** Every setting by its name in the environment. A fallback of null means: decided when the service starts. */
export const SETTINGS = {
  DATABASE_URL: setting(
    databaseUrl,
    null,
    "Where the events live: postgres://…, PostgreSQL 15 or newer. Left out, an embedded database is run.",
  ),
  POSTHORN_DATA_DIR: setting(
    z.string().min(1),
    "./.posthorn",
    "Where the embedded database lives.",
  ),
  HOST: setting(z.string().min(1), "127.0.0.1", "The address to listen on."),
  PORT: setting(
    whole(0, 65_535),
    "8080",
    "The port to listen on; 0 picks a free one, which the ready line tells.",
  ),
  POSTHORN_ADMIN_KEY: setting(
    z
      .string()
      .min(ADMIN_KEY_LENGTH_MIN, `${ADMIN_KEY_LENGTH_MIN} characters or more are needed`)
      .regex(
        /^[!-~]+$/,
        "visible ASCII is needed: a header carries no white space and no other letters",
      ),
    null,
    "The admin's API key, any text of 24 characters or more. Left out, one is made at the first start and shown once.",
  ),
  POSTHORN_SECRETS_KEY: setting(
    secretsKeys,
    null,
    "Encrypts signature keys and header values at rest: 32 bytes in base64, several comma-separated, newest first. Required with DATABASE_URL; the embedded database keeps its own.",
  ),
  POSTHORN_EGRESS_ALLOW: setting(
    cidrs,
    null,
    "CIDRs that may be sent to although they are private or reserved. Left out: 127.0.0.0/8,::1/128 with the embedded database, none with DATABASE_URL. Set to nothing, none.",
  ),
  POSTHORN_HTTP: setting(
    z.enum(["preset", "always", "never"]),
    "preset",
    "Plain http: as each preset rules, always allowed (development), or never.",
  ),
  POSTHORN_CONCURRENCY: setting(whole(1, 10_000), "256", "Requests in flight, of one worker."),
  POSTHORN_MAX_IN_FLIGHT_PER_WEBHOOK: setting(
    whole(1, 10_000),
    "16",
    "Requests in flight to one webhook, of one worker.",
  ),
  POSTHORN_WEBHOOKS_MAX: setting(whole(1, 10_000_000), "100000", "Webhooks of one tenant at most."),
  POSTHORN_IDEMPOTENCY_H: setting(
    whole(1, 8_760),
    "72",
    "Hours that an idempotency key is remembered.",
  ),
  POSTHORN_HOLD_H: setting(
    whole(1, 8_760),
    "168",
    "Hours that deliveries of a paused or disabled webhook are held before they are cancelled.",
  ),
  POSTHORN_DISABLE_AFTER_H: setting(
    whole(0, 8_760),
    "120",
    "Hours of failures without a success after which a webhook is disabled; 0: never.",
  ),
  POSTHORN_UNKNOWN_TYPES: setting(
    z.enum(["reject", "accept"]),
    "reject",
    "Publishing a type that is not in the catalogue: refuse it, or add it.",
  ),
  LOG_LEVEL: setting(
    z.enum(["debug", "info", "warn", "error"]),
    "info",
    "What is logged, on stdout.",
  ),
} satisfies Record<string, Setting>;

type Name = keyof typeof SETTINGS;
type Values = {
  [N in Name]: z.output<(typeof SETTINGS)[N]["read"]> | (typeof SETTINGS)[N]["fallback"];
};
type Decided =
  "DATABASE_URL" | "POSTHORN_ADMIN_KEY" | "POSTHORN_SECRETS_KEY" | "POSTHORN_EGRESS_ALLOW";

/** The settings by name; null where the start decides. */
export type Config = {
  [N in Name]: z.output<(typeof SETTINGS)[N]["read"]> | (N extends Decided ? null : never);
};

/**
 * Reads the configuration. Throws a StartError that names the first bad setting and says what is needed; its value
 * is not repeated, since it may be a secret. `warn` hears of settings that are not known.
 */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  warn: (text: string) => void = () => {},
): Config {
  const values: Partial<Values> = {};
  for (const [name, { read, fallback }] of Object.entries(SETTINGS)) {
    // Set to nothing means something for a list of CIDRs; anywhere else it means left out.
    const text = name === "POSTHORN_EGRESS_ALLOW" ? env[name] : env[name] || undefined;
    const given = text ?? fallback;
    const result = given === null ? { success: true as const, data: null } : read.safeParse(given);
    if (!result.success)
      throw new StartError(`${name}: ${result.error.issues[0]?.message ?? "not valid"}`);
    Object.assign(values, { [name]: result.data });
  }
  const config = values as Config;
  if (config.DATABASE_URL !== null && config.POSTHORN_SECRETS_KEY === null)
    throw new StartError(
      "POSTHORN_SECRETS_KEY: needed with DATABASE_URL; make one with: openssl rand -base64 32, and keep it, or stored keys can't be read",
    );
  for (const name of Object.keys(env))
    if (name.startsWith("POSTHORN_") && !(name in SETTINGS))
      warn(`${name} is not a setting of this version; it is ignored`);
  return config;
}

/** The text of `.env.example`. */
export function envExample(): string {
  const entries = Object.entries(SETTINGS).map(([name, { fallback, about }]) => {
    const lines = about.match(/.{1,98}(?:\s|$)/g) ?? [about];
    return `${lines.map((line) => `# ${line.trim()}`).join("\n")}\n# ${name}=${fallback ?? ""}\n`;
  });
  return `# Posthorn's settings. Each line shows the default; uncomment it to change it.\n\n${entries.join("\n")}`;
}
