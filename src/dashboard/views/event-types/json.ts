// JSON as somebody types it: what it is, or what is wrong with it and where.

type Read = { value: unknown; problem: string | null };

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];

/** Reads it; empty is null. A schema is looked into a little: the service judges the rest. */
export function readJson(text: string, as: "value" | "schema"): Read {
  if (text.trim() === "") return { value: null, problem: null };
  try {
    const value: unknown = JSON.parse(text);
    return { value, problem: as === "schema" ? wrongInSchema(value, "") : null };
  } catch (error) {
    return { value: null, problem: `No JSON yet: ${placed(error, text)}` };
  }
}

function placed(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const at = /position (\d+)/.exec(message)?.[1];
  if (at === undefined) return message;
  const before = text.slice(0, Number(at)).split("\n");
  const what = message.split(" in JSON")[0] ?? message;
  return `${what}, at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** The mistakes that are made most: a schema that is none, a type that there is not, fields that are no object. */
function wrongInSchema(schema: unknown, path: string): string | null {
  const where = path === "" ? "The schema" : `${path} of the schema`;
  if (typeof schema === "boolean") return null;
  if (typeof schema !== "object" || schema === null || Array.isArray(schema))
    return `${where} has to be an object`;
  const { type, properties, required, items } = schema as Record<string, unknown>;
  const unknown = [type]
    .flat()
    .find((each) => each !== undefined && !TYPES.some((type) => type === each));
  if (unknown !== undefined)
    return `${where} has the type ${JSON.stringify(unknown)}: there are ${TYPES.join(", ")}`;
  if (required !== undefined && !Array.isArray(required))
    return `${where} has a "required" that is no list of names`;
  if (items !== undefined && !Array.isArray(items)) {
    const wrong = wrongInSchema(items, `${path}/items`);
    if (wrong) return wrong;
  }
  if (properties === undefined) return null;
  if (typeof properties !== "object" || properties === null)
    return `${where} has "properties" that are no object`;
  for (const [name, each] of Object.entries(properties)) {
    const wrong = wrongInSchema(each, `${path}/properties/${name}`);
    if (wrong) return wrong;
  }
  return null;
}
