// What the description of the API promises to the clients that are made from it.
import { readFileSync } from "node:fs";

import { expect, test } from "@jest/globals";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

import { openapiYaml } from "../../src/http/openapi.ts";
import { SAMPLE_SETTINGS } from "../../src/presets/custom.ts";
import { PRESET_NAMES, type PresetName } from "../../src/presets/index.ts";
import { verifyWebhook } from "../../src/verify/index.ts";

type Schema = { [key: string]: unknown };

const document = parse(openapiYaml()) as {
  paths: Record<string, { post: { responses: Record<string, Schema> } }>;
  webhooks: Record<PresetName, { post: Receiver }>;
};

type Receiver = {
  description: string;
  parameters: { name: string; required: boolean; example: string }[];
  requestBody: { content: { "application/json": { schema: Schema; example: object } } };
};

/** Every schema that an answer is made of, with where it stands. */
function schemasOfAnswers(): [string, Schema][] {
  const found: [string, Schema][] = [];
  const visit = (where: string, node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    const { $ref } = node as { $ref?: string };
    if ($ref !== undefined) return visit(where, resolve($ref));
    if (!Array.isArray(node)) found.push([where, node as Schema]);
    for (const [name, inner] of Object.entries(node))
      if (name !== "example") visit(`${where}.${name}`, inner);
  };
  for (const [path, { post }] of Object.entries(document.paths)) visit(path, post.responses);
  return found;
}

function resolve($ref: string): unknown {
  return $ref
    .slice(2)
    .split("/")
    .reduce<unknown>((node, name) => (node as Schema)[name], document);
}

test("no answer is limited to the values that are known today: each is listed as an example of an open string", () => {
  const closed = schemasOfAnswers().filter(([, schema]) => "enum" in schema || "const" in schema);
  expect(closed.map(([where]) => where)).toEqual([]);
  const open = schemasOfAnswers().filter(([, { examples }]) => Array.isArray(examples));
  const ends = new Set(open.map(([where]) => where.split(".").at(-1)));
  expect([...ends]).toEqual(
    expect.arrayContaining(["status", "preset", "health", "order", "code", "reason", "scope"]),
  );
});

test("no request has a field of several shapes, which clients in Java and Rust have no type for", () => {
  const { components } = document as unknown as { components: { schemas: Record<string, Schema> } };
  const fields = Object.entries(components.schemas).flatMap(([name, { properties = {} }]) =>
    Object.entries(properties as Record<string, Schema>).map(
      ([field, schema]): [string, Schema] => [`${name}.${field}`, schema],
    ),
  );
  const unions = fields.filter(([, schema]) => "anyOf" in schema || "oneOf" in schema);
  expect(unions.map(([where]) => where)).toEqual([]);
  expect(fields.find(([where]) => where === "ListDeliveriesRequest.status")?.[1]).toMatchObject({
    type: ["array", "null"],
  });
});

test("no answer is one of several shapes: what may be null says so in its type", () => {
  const unions = schemasOfAnswers().filter(
    ([, schema]) => "anyOf" in schema || "oneOf" in schema || "allOf" in schema,
  );
  expect(unions.map(([where]) => where)).toEqual([]);
  const nullable = schemasOfAnswers().filter(
    ([, { type }]) => Array.isArray(type) && type.includes("null"),
  );
  expect(nullable.length).toBeGreaterThan(100);
});

test("there is a webhook for each preset", () => {
  expect(Object.keys(document.webhooks)).toEqual(PRESET_NAMES);
});

test.each(PRESET_NAMES)(
  "the example of preset %s is what a receiver gets: verified under the key that stands beside it",
  async (preset) => {
    const { description, parameters, requestBody } = document.webhooks[preset].post;
    const { example } = requestBody.content["application/json"];
    const [, key = ""] = /the key `([^`]+)`/.exec(description) ?? [];
    const headers = Object.fromEntries(parameters.map(({ name, example }) => [name, example]));
    const presetSettings = preset === "custom" ? SAMPLE_SETTINGS : undefined;
    const always = { preset, presetSettings, toleranceS: Number.MAX_SAFE_INTEGER }; // it is of a day long ago
    const event = await verifyWebhook(JSON.stringify(example), headers, key, always);
    const type = ["svix", "custom"].includes(preset) ? null : "message.created"; // a body of the payload alone
    expect(event).toMatchObject({ type, payload: { id: 1 } });
    const changed = JSON.stringify({ ...example, more: 1 });
    await expect(verifyWebhook(changed, headers, key, always)).rejects.toThrow();
  },
);

type Vector = { preset: PresetName; expect: { body: string; headers: Record<string, string> } };
const vectors = JSON.parse(
  readFileSync(new URL("../presets/vectors.json", import.meta.url), "utf8"),
) as Vector[];

test.each(vectors)("what a receiver of $preset gets is as it is described", (vector) => {
  const { parameters, requestBody } = document.webhooks[vector.preset].post;
  const { schema } = requestBody.content["application/json"];
  const ajv = new Ajv2020({ formats: { int64: true, "date-time": true } });
  const closed = { ...schema, additionalProperties: false };
  const body = JSON.parse(vector.expect.body) as object;
  expect([ajv.validate(closed, body), ajv.errors]).toEqual([true, null]);
  expect(Object.keys(body)).toEqual(schema["required"]);
  const names = parameters.map(({ name }) => name.toLowerCase());
  expect(names).toEqual(
    expect.arrayContaining(
      Object.keys(vector.expect.headers).filter((name) => name !== "content-type"),
    ),
  );
});
