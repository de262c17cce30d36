// What openapi.yaml says of a request or an answer, made from the schema that validates it.
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
  const relocated = JSON.parse(text, (_key, value: unknown) => withNullInType(value)) as {
    root: JsonObject;
    $defs: JsonObject;
  };
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
  const choices = schema["enum"] as unknown[] | undefined;
  return { ...schema, ...rest, type: [type, "null"], ...(choices && { enum: [...choices, null] }) };
}

function withoutId({ id: _, ...definition }: JsonObject): JsonObject {
  return definition;
}
