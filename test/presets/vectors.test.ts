import { readFileSync } from "node:fs";

import { expect, test } from "@jest/globals";

import { buildRequest } from "../../src/presets/build.ts";
import { PRESETS, type NamedPreset } from "../../src/presets/index.ts";

type Vector = {
  preset: NamedPreset;
  signature_key: string;
  event: { id: string; type: string; timestamp: string; payload: unknown };
  sent_at: string;
  expect: { body: string; headers: Record<string, string> };
};

const vectors = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
) as Vector[];

test.each(vectors)("a receiver of $preset gets the exact bytes of $event.type", (vector) => {
  const { body, headers } = buildRequest(
    PRESETS[vector.preset],
    {
      ...vector.event,
      timestamp: new Date(vector.event.timestamp),
      payload: JSON.stringify(vector.event.payload),
    },
    { keys: [vector.signature_key], attempt: 1, sentAt: new Date(vector.sent_at) },
  );

  expect(body.toString()).toBe(vector.expect.body);
  const lowerCased = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  expect(Object.fromEntries(lowerCased)).toEqual({
    ...vector.expect.headers,
    "webhook-attempt": "1",
  });
});
