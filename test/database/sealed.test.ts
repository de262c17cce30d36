import { expect, test } from "@jest/globals";

import { createSealer, type SealedPlace } from "../../src/database/sealed.ts";

const PLACE: SealedPlace = { tenant: "a", row: "one", field: "signature_key" };

test("a sealed value opens in its own place alone", () => {
  const sealer = createSealer([Buffer.alloc(32, 7)]);
  const sealed = sealer.seal("secret", PLACE);
  expect(sealer.open(sealed, PLACE)).toBe("secret");
  const others: Partial<SealedPlace>[] = [
    { tenant: "b" },
    { row: "two" },
    { field: "headers" },
    { tenant: "ao", row: "ne" },
  ];
  for (const other of others) expect(() => sealer.open(sealed, { ...PLACE, ...other })).toThrow();
});

test("no two sealings of one value are alike", () => {
  const sealer = createSealer([Buffer.alloc(32, 7)]);
  expect(sealer.seal("secret", PLACE).equals(sealer.seal("secret", PLACE))).toBe(false);
});
