// Settings of what browsers are shown: where they find this service, and who may frame it.
import { z } from "zod";

export const publicUrl = z.string().transform((value, context): string => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^https?:$/.test(url.protocol) && `${url.search}${url.hash}${url.username}` === "")
    return url.href;
  context.addIssue({
    code: "custom",
    message:
      "an address like https://hooks.example.com is needed, without a query, a fragment or a user",
  });
  return z.NEVER;
});

// What a Content-Security-Policy takes as an origin (CSP 3, 4.2.1), and nothing that could end the directive.
const FRAMER = /^(https?:\/\/(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:(\d{1,5}|\*))?|'self')$/i;

export const frameAncestors = z.string().transform((value, context): string[] => {
  const framers = value.trim().split(/\s+/);
  if (framers.length === 1 && framers[0] === "'none'") return [];
  if (framers.every((framer) => FRAMER.test(framer))) return framers;
  context.addIssue({
    code: "custom",
    message:
      "origins separated by spaces are needed, like https://app.example.com https://*.example.org, or 'self'; or 'none' alone",
  });
  return z.NEVER;
});
