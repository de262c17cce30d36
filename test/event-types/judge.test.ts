import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import * as judging from "../../src/event-types/judge.ts";

const DRAFT_07 = "http://json-schema.org/draft-07/schema#";

const LIMIT_MS = 1_000;
const checkSchema = (schema: unknown) => judging.checkSchema(schema, 3 * LIMIT_MS);
const createJudge = (validatorsMax?: number) => {
  const { judge } = judging.createJudge(validatorsMax);
  return (key: string, schema: unknown, payload: unknown) => {
    const text = typeof payload === "function" ? String(payload()) : JSON.stringify(payload);
    const found = judge(key, schema, text, LIMIT_MS);
    return found === "slow" ? [{ path: "", message: found }] : found;
  };
};
const judge = createJudge();
let keys = 0;
const judgeOnce = (schema: unknown, payload: unknown) => judge(`once/${keys++}`, schema, payload);

const nested = (levels: number) => {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
};

// As text: JSON.stringify does not go down as far.
const textNested = (levels: number) => () => "[".repeat(levels) + "]".repeat(levels);

describe("a schema is usable", () => {
  const odd = { constructor: { type: "string" } };

  test.each<[string, unknown]>([
    ["when it allows everything", true],
    ["when it allows nothing", false],
    ["when it is empty", {}],
    ["without $schema", { type: "object", required: ["id"] }],
    ["of draft 2020-12", { $schema: "https://json-schema.org/draft/2020-12/schema" }],
    ["of draft-07", { $schema: DRAFT_07, items: [{ type: "string" }], additionalItems: false }],
    ["of draft-07 without the #", { $schema: DRAFT_07.slice(0, -1) }],
    ["with keywords and formats of its author's own", { "x-owner": 1, format: "iban" }],
    ["with an $id of its own", { $id: "https://example.org/order", type: "object" }],
    ["with the $id of its metaschema", { $id: "https://json-schema.org/draft/2020-12/schema" }],
    ["when it refers to its own parts", { $ref: "#/$defs/a", $defs: { a: { type: "string" } } }],
    ["when it is a tree of itself", { properties: { children: { items: { $ref: "#" } } } }],
    ["with parts named as what every object has", { $ref: "#/$defs/constructor", $defs: odd }],
    ["when it refers to a property", { properties: { a: {}, b: { $ref: "#/properties/a" } } }],
    ["when it refers to an $anchor", { $ref: "#a", $defs: { a: { $anchor: "a" } } }],
    [
      "when it refers to an $id",
      { $id: "https://example.org/a", $ref: "b", $defs: { b: { $id: "b" } } },
    ],
    [
      "with a $dynamicRef to what stands around it",
      { $dynamicAnchor: "node", properties: { next: { $dynamicRef: "#node" } } },
    ],
  ])("%s", (_, schema) => {
    expect(checkSchema(schema)).toBeNull();
  });
});

describe("a schema is refused in words", () => {
  const wide = { enum: ["x".repeat(64 * 1024)] };
  const deep = (levels: number) => {
    let schema: unknown = {};
    for (let level = 0; level < levels; level++) schema = { not: schema };
    return schema;
  };

  test.each<[string, unknown, string]>([
    ["that is a number", 1, "a JSON Schema is an object, true or false"],
    ["that is null", null, "a JSON Schema is an object, true or false"],
    ["that is a list", [], "a JSON Schema is an object, true or false"],
    [
      "of an unknown dialect",
      { $schema: "https://example.org/mine" },
      "$schema: https://json-schema.org/draft/2020-12/schema (the default) and ",
    ],
    ["of an empty dialect", { $schema: "" }, "$schema: "],
    ["whose $schema is no text", { $schema: 7 }, "$schema: "],
    ["with a type that is none", { type: "strin" }, 'schema.type: must be one of "array", '],
    ["with a keyword's value of a wrong type", { minimum: "3" }, "schema.minimum: must be number"],
    ["wrong in a part", { properties: { a: { required: "b" } } }, "schema.properties.a.required: "],
    ["with an enum of nothing", { enum: [] }, "an enum of no values would fit nothing"],
    ["with a broken pattern", { pattern: "(" }, "Invalid regular expression: /(/u"],
    [
      "that refers elsewhere",
      { $ref: "https://example.org/a" },
      "$ref https://example.org/a is not",
    ],
    ["that refers to nothing", { $ref: "#/$defs/a" }, "$ref #/$defs/a is not in this schema"],
    ["that refers to itself without end", { $ref: "#" }, "refers to itself without end"],
    ["that would be judged later", { $async: true }, "$async is not taken"],
    ["of 64 KiB and more", wide, "larger than 65536 bytes"],
    ["of more than 100 levels", deep(101), "nested more than 100 levels deep"],
    ["of 100,000 levels", deep(100_000), "nested more than 100 levels deep"],
    ["of a list of 100,000 levels", { default: nested(100_000) }, "nested more than 100 levels"],
  ])("%s", (_, schema, words) => {
    expect(checkSchema(schema)?.slice(0, words.length)).toBe(words);
  });

  test.each<[string, object]>([
    ["a name that every object has", { $ref: "constructor" }],
    ["a member that every object has", { $ref: "#/constructor" }],
    ["the prototype of all objects", { $ref: "#/__proto__" }],
    ["such a member of a part with an $id", { $ref: "b#/toString", $defs: { b: { $id: "b" } } }],
    ["a member that every list has", { $ref: "#/allOf/length", allOf: [{}] }],
    ["a keyword's text", { $ref: "#/type", type: "object" }],
    ["a keyword's list", { $ref: "#/required", required: ["a"] }],
    ["null", { $ref: "#/default", default: null }],
    ["such, by way of another", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/constructor" } } }],
    ["an anchor that is none", { items: { $dynamicRef: "#nowhere" } }],
    ["an anchor that every object has", { items: { $dynamicRef: "#constructor" } }],
    ["a part, by $dynamicRef", { items: { $dynamicRef: "#/$defs/a" }, $defs: { a: {} } }],
    ["a part, by $recursiveRef", { items: { $recursiveRef: "#/$defs/a" }, $defs: { a: {} } }],
  ])("that refers to no schema, since it would enforce nothing: %s", (_, schema) => {
    expect(checkSchema(schema)).toMatch(/is not in this schema|leads to no schema|use \$ref/);
    expect(
      checkSchema({ properties: { deep: { anyOf: [{}, schema] } }, ...schema }),
    ).not.toBeNull();
  });

  test("whatever JSON it is, without an exception", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (schema) => {
        expect([null, expect.any(String)]).toContainEqual(checkSchema(schema));
      }),
    );
  });

  test("one of 64 KiB, full of patterns, compiles within the limit on time", () => {
    const properties = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, i) => [`field${i}`, { type: "string", pattern: `^a${i}` }]),
    );
    expect(checkSchema({ properties })).toBeNull();
  });
});

describe("a payload", () => {
  test.each<[string, unknown, unknown, string, string]>([
    ["itself", { type: "object" }, [], "payload", "must be object"],
    ["a field", { properties: { a: { type: "string" } } }, { a: 1 }, "payload.a", "must be string"],
    [
      "an item's field",
      { properties: { items: { items: { properties: { n: { maximum: 3 } } } } } },
      { items: [{ n: 1 }, { n: 4 }] },
      "payload.items.1.n",
      "must be <= 3",
    ],
    [
      "a field with / and ~ in its name",
      { properties: { "a/b~c": { type: "null" } } },
      { "a/b~c": 1 },
      "payload.a/b~c",
      "must be null",
    ],
    ["a missing field", { required: ["a"] }, {}, "payload", "must have required property 'a'"],
    [
      "a further field",
      { additionalProperties: false },
      { a: 1 },
      "payload",
      'must NOT have additional properties, has "a"',
    ],
    ["a value of a list", { enum: ["a", 1, null] }, 2, "payload", 'must be one of "a", 1, null'],
    ["a constant", { const: { v: 1 } }, {}, "payload", 'must be {"v":1}'],
    ["a format", { format: "date-time" }, "soon", "payload", 'must match format "date-time"'],
    ["anything at all", false, {}, "payload", "must not be there"],
  ])("that does not fit is told where and why: %s", (_, schema, payload, path, message) => {
    expect(judgeOnce(schema, payload)).toEqual([{ path, message }]);
  });

  test("that fits has no issues", () => {
    expect(judgeOnce({ required: ["a"] }, { a: undefined, b: 1 })).not.toBeNull();
    expect(judgeOnce({ required: ["a"] }, { a: null })).toBeNull();
  });

  test("is judged by what a reference leads to", () => {
    const list = { $dynamicAnchor: "node", properties: { next: { $dynamicRef: "#node" } } };
    expect(judgeOnce({ type: "object", ...list }, { next: { next: 1 } })).toHaveLength(1);
    const odd = { $ref: "#/$defs/constructor", $defs: { constructor: { type: "string" } } };
    expect(judgeOnce(odd, 1)).toHaveLength(1);
  });

  test("does not have the fields that every object inherits", () => {
    expect(judgeOnce({ required: ["constructor"] }, {})).toHaveLength(1);
    expect(judgeOnce({ required: ["__proto__"] }, JSON.parse('{"__proto__": 1}'))).toBeNull();
  });

  test("is left as it is, defaults and all", () => {
    const payload = { n: "1" };
    judgeOnce({ properties: { n: { type: "number" }, m: { default: 2 } } }, payload);
    expect(payload).toEqual({ n: "1" });
  });

  test("is judged by the dialect that its schema names", () => {
    const tuple = { items: [{ type: "string" }], additionalItems: false };
    expect(judgeOnce({ $schema: DRAFT_07, ...tuple }, ["a", "b"])).toHaveLength(1);
    expect(judgeOnce({ prefixItems: [{ type: "string" }], items: false }, ["a", "b"])).toHaveLength(
      1,
    );
  });

  test("of any JSON fits the schema that allows everything, and never the one that allows nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        expect(judge("all", true, payload)).toBeNull();
        expect(judge("none", false, payload)).toHaveLength(1);
      }),
    );
  });

  test("of any JSON fits the schema that asks for just that", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (payload) => {
        expect(judgeOnce({ const: payload }, payload)).toBeNull();
      }),
    );
  });

  // As text: a member __proto__ can't be written down otherwise.
  describe.each(["toString", "valueOf", "constructor", "hasOwnProperty", "__proto__"])(
    "with a member %s is compared by that and what else it has",
    (name) => {
      test.each(["null", "1", "{}", '{"name": 1}'])("of %s", (member) => {
        const value = JSON.parse(`{"a": [{"${name}": ${member}}]}`) as unknown;
        const other = JSON.parse(`{"a": [{"${name}": "other"}]}`) as unknown;
        for (const schema of [{ const: value }, { enum: [1, value] }]) {
          expect(judgeOnce(schema, value)).toBeNull();
          for (const unlike of [other, { a: [{}] }, { a: {} }])
            expect(judgeOnce(schema, unlike)).toHaveLength(1);
        }
        expect(judgeOnce({ const: { a: [{}] } }, value)).toHaveLength(1);
        expect(judgeOnce({ uniqueItems: true }, [value, other, {}])).toBeNull();
        expect(judgeOnce({ uniqueItems: true }, [value, other, value])).toHaveLength(1);
      });
    },
  );

  test("of 0 is one of -0, and true is none of 1", () => {
    const minusZero = () => "[-0]";
    expect(judgeOnce({ const: [0] }, minusZero)).toBeNull();
    expect(judgeOnce({ enum: [[0]] }, minusZero)).toBeNull();
    expect(judgeOnce({ uniqueItems: true }, () => "[0, -0]")).toHaveLength(1);
    expect(judgeOnce({ uniqueItems: true }, [0, "0", false, null, [0], { 0: 0 }])).toBeNull();
    expect(judgeOnce({ const: 1 }, true)).toHaveLength(1);
    expect(judgeOnce({ const: ["a"] }, { 0: "a" })).toHaveLength(1);
  });

  test.each(["__proto__", "constructor", "a"])(
    "with %s twice does not have unique items",
    (item) => {
      const schema = { items: { type: "string" }, uniqueItems: true };
      expect(judgeOnce(schema, [item, "b"])).toBeNull();
      expect(judgeOnce(schema, ["b", item, item])).toEqual([
        {
          path: "payload",
          message: "must NOT have duplicate items (items ## 1 and 2 are identical)",
        },
      ]);
    },
  );

  test("of 100,000 distinct texts is judged in time", () => {
    const texts = Array.from({ length: 100_000 }, (_, i) => `text ${i}`);
    expect(judgeOnce({ uniqueItems: true }, texts)).toBeNull();
  });

  test("of 10,000 levels is judged by a flat schema and refused by one that follows it down", () => {
    expect(judgeOnce({ type: "array" }, textNested(10_000))).toBeNull();
    expect(judgeOnce({ items: { $ref: "#" } }, textNested(1_000))).toBeNull();
    expect(judgeOnce({ items: { $ref: "#" } }, textNested(100_000))).toEqual([
      { path: "payload", message: "nested too deeply to judge by the schema of its type" },
    ]);
  });

  test.each<[string, unknown, unknown]>([
    ["a pattern that backtracks", { pattern: "^(a+)+$" }, `${"a".repeat(40)}!`],
    ["distinct items", { uniqueItems: true }, Array.from({ length: 25_000 }, (_, i) => [i])],
    [
      "a schema that doubles",
      { anyOf: Array(3).fill({ items: { $ref: "#" }, minItems: 1 }) },
      nested(60),
    ],
  ])("that would take for ever is given up when the time is over: %s", (_, schema, payload) => {
    expect(checkSchema(schema)).toBeNull();
    expect(judgeOnce(schema, payload)).toEqual([{ path: "", message: "slow" }]);
  });

  test("is judged rightly after one that took too long", () => {
    const schema = { pattern: "^(a+)+$" };
    expect(judge("slow", schema, `${"a".repeat(40)}!`)).toHaveLength(1);
    expect(judge("slow", schema, "aaa")).toBeNull();
    expect(judge("slow", schema, "b")).toEqual([
      { path: "payload", message: 'must match pattern "^(a+)+$"' },
    ]);
  });

  test("that is not JSON does not fit", () => {
    expect(judgeOnce({}, () => '"\\ud800')).toEqual([{ path: "payload", message: "not JSON" }]);
  });

  test("wrong in a thousand ways gets ten issues of bounded length", () => {
    const branches = Array.from({ length: 1_000 }, (_, i) => ({ required: [`field${i}`] }));
    expect(judgeOnce({ anyOf: branches }, {})).toHaveLength(10);
    const key = "k".repeat(100_000);
    const [issue] = judgeOnce({ additionalProperties: { type: "null" } }, { [key]: 1 }) ?? [];
    expect(issue?.path).toHaveLength(301);
    const [further] = judgeOnce({ additionalProperties: false }, { [key]: 1 }) ?? [];
    expect(further?.message).toHaveLength(301);
  });

  test("under a schema that can't be used has an issue that says so", () => {
    const [issue] = judgeOnce({ $ref: "https://example.org/a" }, {}) ?? [];
    expect(issue?.message).toMatch(/^the schema of its type can't be used: \$ref https/);
    for (const schema of [null, 7, "x", [], { $schema: "x" }, { $async: true }])
      expect(judgeOnce(schema, {})).toHaveLength(1);
  });
});

describe("a compiled schema", () => {
  test("is kept under its key", () => {
    const judge = createJudge();
    expect(judge("a", true, {})).toBeNull();
    expect(judge("a", false, {})).toBeNull();
    expect(judge("a/2", false, {})).toHaveLength(1);
  });

  test("leaves when others were used since, and not while it is used", () => {
    const judge = createJudge(2);
    judge("a", true, {});
    judge("b", true, {});
    judge("a", true, {});
    judge("c", true, {});
    expect(judge("a", false, {})).toBeNull(); // still the first
    expect(judge("b", false, {})).toHaveLength(1); // compiled anew
  });

  test("knows nothing of another with the same $id", () => {
    const $id = "https://example.org/order";
    expect(judgeOnce({ $id, $defs: { a: { $id: "a", type: "string" } } }, {})).toBeNull();
    expect(judgeOnce({ $id, type: "number" }, {})).toHaveLength(1);
    expect(judgeOnce({ $ref: `${$id}#/$defs/a` }, {})?.[0]?.message).toMatch(/can't be used/);
  });
});
