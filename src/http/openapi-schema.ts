// What openapi.yaml says of a request or an answer, made from the schema that validates it.
import { isDeepStrictEqual } from "node:util";

import { z } from "zod";

type JsonObject = Record<string, unknown>;

/** Describes a schema; one with an id becomes one of `components`, and what it is made of too. */
export function describeSchema(
  schema: unknown,
  io: "input" | "output",
  components: JsonObject,
): JsonObject {
  const {
    $schema: _,
    $defs = {},
    ...root
  } = z.toJSONSchema(schema as z.ZodType, {
    io,
    target: "draft-2020-12",
    unrepresentable: "any",
    override: ({ jsonSchema }) => forGenerators(jsonSchema, io),
  }) as JsonObject & { $defs?: JsonObject };
  const text = JSON.stringify({ root, $defs }).replaceAll('"#/$defs/', '"#/components/schemas/');
  const relocated = JSON.parse(text, (_key, value: unknown) => {
    const typed = choiceOfNumbers(withNullInType(value));
    return io === "output" ? openEnum(typed) : nullIsLeftOut(severalOfOne(typed));
  }) as { root: JsonObject; $defs: JsonObject };
  for (const [id, definition] of Object.entries(relocated.$defs))
    components[id] = withoutId(definition as JsonObject);
  const id = relocated.root["id"];
  if (typeof id !== "string") return relocated.root;
  components[id] = withoutId(relocated.root);
  return { $ref: `#/components/schemas/${id}` };
}

/** Says it so that clients made from it have the right types and outlive the next version. */
function forGenerators(schema: z.core.JSONSchema.BaseSchema, io: "input" | "output"): void {
  // Answers may gain fields: a client that refused an unknown one would break at the next version.
  if (io === "output" && schema.additionalProperties === false) delete schema.additionalProperties;
  // A key of a JSON object is a string anyway, and few generators know the keyword.
  delete schema.propertyNames;
  // openapi-typescript demands a field that has a default, in requests too; its description tells the default.
  if (io === "input") delete schema.default;
  if (schema.type === "number") schema.format = "double"; // Go would take a float32
  if (schema.type === "integer" && schema.maximum === Number.MAX_SAFE_INTEGER) {
    // Unbounded: Go would take an int32, and a counter outgrows it.
    schema.format = "int64";
    delete schema.minimum;
    delete schema.maximum;
  }
}

/**
 * A thing or null as the thing whose type may be null. Said as a choice of two, clients in Java and Rust would make a class
 * of each choice.
 */
function withNullInType(value: unknown): unknown {
  const { anyOf, ...rest } = Object(value) as JsonObject;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return value;
  const [{ type, ...schema }, nothing] = anyOf as [JsonObject, JsonObject];
  if (typeof type !== "string" || nothing["type"] !== "null") return value;
  return {
    ...orNull({ ...schema, type }),
    ...describedBy(rest["description"], schema["description"]),
  };
}

/** One of a few whole numbers as an enum; said as a choice of constants, no generator makes anything of it. */
function choiceOfNumbers(value: unknown): unknown {
  const { anyOf, ...rest } = Object(value) as JsonObject;
  if (!Array.isArray(anyOf)) return value;
  const choices = (anyOf as JsonObject[]).map((choice) => choice["const"]);
  return choices.every(Number.isInteger) ? { type: "integer", enum: choices, ...rest } : value;
}

/** One thing or a list of such as the list, for the same reason: a client in Java would not compile. */
function severalOfOne(value: unknown): unknown {
  const { anyOf, ...rest } = Object(value) as JsonObject;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return value;
  const [one, several] = anyOf as [JsonObject, JsonObject];
  return isDeepStrictEqual(several["items"], one) ? { ...several, ...rest } : value;
}

/** A request's object, in which null may stand for what is left out. */
function nullIsLeftOut(value: unknown): unknown {
  const { properties, required = [] } = Object(value) as {
    properties?: unknown;
    required?: string[];
  };
  if (typeof properties !== "object" || properties === null) return value;
  const fields = Object.entries(properties as Record<string, JsonObject>).map(([name, field]) => [
    name,
    required.includes(name) ? field : orNull(field),
  ]);
  return { ...(value as JsonObject), properties: Object.fromEntries(fields) as JsonObject };
}

function orNull(schema: JsonObject): JsonObject {
  const { type, enum: choices } = schema;
  if (typeof type !== "string") return schema; // any type there is, or null among them
  return {
    ...schema,
    type: [type, "null"],
    ...(Array.isArray(choices) && { enum: [...(choices as unknown[]), null] }),
  };
}

/** What an answer may choose from as a string with the values that are known now: clients refuse what no enum of theirs has. */
function openEnum(value: unknown): unknown {
  const { enum: choices, description, ...schema } = Object(value) as JsonObject;
  if (!Array.isArray(choices) || !("type" in schema)) return value;
  const known = choices.filter((choice) => choice !== null) as string[];
  const list = known.map((choice) => `\`${choice}\``).join(", ");
  return {
    ...schema,
    examples: known,
    ...describedBy(description, `One of ${list}; a later version may have more.`),
  };
}

function describedBy(...texts: unknown[]): JsonObject {
  const description = texts.filter((text) => typeof text === "string").join(" ");
  return description === "" ? {} : { description };
}

function withoutId({ id: _, ...definition }: JsonObject): JsonObject {
  return definition;
}
