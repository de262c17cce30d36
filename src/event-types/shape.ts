// What of a schema can be judged at once, whatever is in it.
import { depthExceeds } from "../kernel/json.ts";

const SCHEMA_BYTES_MAX = 64 * 1024; // compiles in half a second at worst
const SCHEMA_DEPTH_MAX = 100; // levels of objects and lists; the compiler recurses, and people do not nest so

/** What is said of a schema whose check ran out of time. */
export const TOO_LONG_TO_COMPILE = "takes too long to compile; make it simpler";

/** Says what makes a value no schema that is looked at further; null where there is nothing. */
export function checkShape(schema: unknown): string | null {
  if (!isSchema(schema)) return "a JSON Schema is an object, true or false";
  if (depthExceeds(schema, SCHEMA_DEPTH_MAX))
    return `nested more than ${SCHEMA_DEPTH_MAX} levels deep; name its parts in $defs and refer to them`;
  if (Buffer.byteLength(JSON.stringify(schema)) > SCHEMA_BYTES_MAX)
    return `larger than ${SCHEMA_BYTES_MAX} bytes`;
  return null;
}

/** Whether it is what a schema can be: an object, true or false. */
export function isSchema(schema: unknown): schema is object | boolean {
  return (
    typeof schema === "boolean" ||
    (typeof schema === "object" && schema !== null && !Array.isArray(schema))
  );
}
