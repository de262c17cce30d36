// Settings of what is sent: where to, through what, and whose certificates are trusted.
import { z } from "zod";

import { parseCidrs, type Cidr } from "../egress/address.ts";
import { readAuthorities } from "../egress/authorities.ts";

export const cidrs = z.string().transform((value, context): Cidr[] => {
  try {
    return parseCidrs(value);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
});

export const authorities = z.string().transform((value, context): string => {
  try {
    readAuthorities(value); // which is followed from then on
    return value;
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
});

export const proxy = z.string().transform((value, context): URL => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && isProxy(url)) return url;
  context.addIssue({
    code: "custom",
    message:
      "an address like http://user:password@proxy.example:3128 is needed, what is special in the password percent-encoded",
  });
  return z.NEVER;
});

function isProxy({ protocol, pathname, search, hash, username, password }: URL): boolean {
  const isEncoded = !/%(?![\da-f]{2})/i.test(username + password);
  return /^https?:$/.test(protocol) && `${pathname}${search}${hash}` === "/" && isEncoded;
}
