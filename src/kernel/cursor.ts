// Page cursors: opaque, and sealed to what they page through, so that a forged or foreign one is refused.
import { createHmac, timingSafeEqual } from "node:crypto";

import { PosthornError } from "./errors.ts";

const TAG_BYTES = 16; // 128 bits: nobody guesses one

/**
 * Makes and reads cursors under one secret. `scope` names what is being paged (tenant, operation, filters):
 * a cursor made for one scope is `invalid_cursor` in every other.
 */
export function createCursors(secret: Buffer) {
  const tag = (scope: string, position: string) =>
    createHmac("sha256", secret)
      .update(JSON.stringify([scope, position]))
      .digest()
      .subarray(0, TAG_BYTES);
  return {
    seal(scope: string, position: string): string {
      return Buffer.concat([tag(scope, position), Buffer.from(position)]).toString("base64url");
    },
    open(scope: string, cursor: string): string {
      const bytes = Buffer.from(cursor, "base64url");
      const position = bytes.subarray(TAG_BYTES).toString();
      const genuine =
        bytes.length > TAG_BYTES &&
        bytes.toString("base64url") === cursor &&
        timingSafeEqual(bytes.subarray(0, TAG_BYTES), tag(scope, position));
      if (!genuine)
        throw new PosthornError(
          "invalid_cursor",
          "cursor: not one that this list gave out; pass pagination_data.next_cursor of the same list with the same filters, or leave it out to start at the top",
          { issues: [{ path: "cursor", message: "not a cursor of this list" }] },
        );
      return position;
    },
  };
}

export type Cursors = ReturnType<typeof createCursors>;
