import { readFileSync } from "node:fs";

import { describe, expect, test } from "@jest/globals";

import { CATALOGUE } from "../../src/event-types/catalogue/index.ts";
import { checkSchema, createJudge } from "../../src/event-types/judge.ts";

const LIMIT_MS = 1_000;
const judging = createJudge();
const judge = (name: string, schema: unknown, payload: unknown) =>
  judging.judge(name, schema, JSON.stringify(payload), LIMIT_MS);

const vectors = JSON.parse(
  readFileSync(new URL("../presets/vectors.json", import.meta.url), "utf8"),
) as { event: { type: string; payload: unknown } }[];

test("the built-in types are the nineteen that every tenant is promised", () => {
  expect(CATALOGUE.map((type) => type.name)).toEqual([
    "message.created",
    "message.updated",
    "conversation.updated",
    "channel.updated",
    "message.received",
    "message.sent",
    "message.incoming",
    "message.delivered",
    "message.read",
    "message.failed",
    "reaction.added",
    "reaction.removed",
    "typing.started",
    "typing.stopped",
    "receipt.read",
    "contact.created",
    "contact.updated",
    "campaign.completed",
    "transfer.created",
  ]);
});

describe.each(CATALOGUE)("$name", ({ name, description, example, schema }) => {
  test("its example fits its schema", () => {
    expect(judge(name, schema, example)).toBeNull();
  });

  test("its schema would be taken from a user", () => {
    expect(checkSchema(schema, LIMIT_MS)).toBeNull();
  });

  test("its name can be published", () => {
    expect(name).toMatch(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/);
    expect(name).not.toMatch(/^(webhook|delivery)\./); // the service's own events
  });

  test("its description is one sentence", () => {
    expect(description).toMatch(/^[A-Z][^.]+(\.[a-z][^.]*)*\.$/);
  });

  test("a payload without one of its fields does not fit, one with a further field does", () => {
    const fields = example as Record<string, unknown>;
    const required = schema["required"] as string[];
    for (const field of required) {
      const { [field]: _, ...others } = fields;
      expect(judge(name, schema, others)).toEqual([
        { path: "payload", message: `must have required property '${field}'` },
      ]);
    }
    expect(judge(name, schema, { ...fields, of_our_own: [1] })).toBeNull();
  });
});

test("payloads that receivers already get fit the built-in types", () => {
  const types = new Map(CATALOGUE.map((type) => [type.name, type]));
  for (const { event } of vectors) {
    const type = types.get(event.type);
    expect(type).toBeDefined();
    expect(judge(event.type, type?.schema, event.payload)).toBeNull();
  }
});
