// What the settings may say.
import { expect, test } from "@jest/globals";

import { loadConfig } from "../src/config.ts";

test.each(["ключ-ключ-ключ-ключ-ключ-ключ", "twenty-four and a bit more", "x".repeat(23)])(
  "an admin key that no header carries, or that is short, stops the start and is not repeated: %s",
  (key) => {
    let told = "";
    try {
      loadConfig({ POSTHORN_ADMIN_KEY: key });
    } catch (error) {
      told = String(error);
    }
    expect(told).toContain("POSTHORN_ADMIN_KEY: ");
    expect(told).not.toContain(key);
  },
);

test("an admin key of 24 visible characters is taken as it is", () => {
  const key = "!~correct-horse-battery~";
  expect(loadConfig({ POSTHORN_ADMIN_KEY: key }).POSTHORN_ADMIN_KEY).toBe(key);
});
