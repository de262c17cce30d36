// The keys that encrypt at rest, as the configuration gives them.
import { z } from "zod";

const SECRETS_KEY_BYTES = 32;

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
