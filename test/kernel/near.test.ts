import { expect, test } from "@jest/globals";

import { nearest } from "../../src/kernel/near.ts";

const FIELDS = ["id", "url", "name", "events", "channels", "page_size", "signature_key"];

test.each([
  ["ur", "url"],
  ["ulr", "url"],
  ["Url", "url"],
  ["event", "events"],
  ["chanel", "channels"],
  ["pagesize", "page_size"],
  ["pageSize", "page_size"],
  ["signatureKey", "signature_key"],
])("%j is near to %j", (name, wanted) => {
  expect(nearest(name, FIELDS)).toBe(wanted);
});

test.each(["", "payload", "secret", "x".repeat(100_000), "u", "idempotency_key"])(
  "what is near to none is not guessed at",
  (name) => {
    expect(nearest(name, ["events", "channels", "page_size"])).toBeUndefined();
  },
);
