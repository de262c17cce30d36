// The keys that the configuration gives: those that encrypt at rest, and the admin's.
import { z } from "zod";

const SECRETS_KEY_BYTES = 32;
const ADMIN_KEY_LENGTH_MIN = 24;

export const adminKey = z
  .string()
  .min(ADMIN_KEY_LENGTH_MIN, `${ADMIN_KEY_LENGTH_MIN} characters or more are needed`)
  .regex(
    /^[!-~]+$/,
    "visible ASCII is needed: a header carries no white space and no other letters",
  );

export const secretsKeys = z.string().transform((value, context) => {
  const keys = value.split(",").map((part) => Buffer.from(part.trim(), "base64"));
  if (keys.every((key) => key.length === SECRETS_KEY_BYTES)) return keys as [Buffer, ...Buffer[]];
  context.addIssue({
    code: "custom",
    message:
      "32 bytes in base64 are needed (make them with: openssl rand -base64 32), several comma-separated, newest first",
  });
  return z.NEVER;
});
