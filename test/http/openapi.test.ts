// What the description of the API promises to the clients that are made from it.
import { expect, test } from "@jest/globals";
import { parse } from "yaml";

import { openapiYaml } from "../../src/http/openapi.ts";

type Schema = { [key: string]: unknown };

const document = parse(openapiYaml()) as {
  paths: Record<string, { post: { responses: Record<string, Schema> } }>;
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
