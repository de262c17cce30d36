// Whether a payload fits its type's schema, and whether a schema can be used for that at all.
import type { ValidateFunction } from "ajv";

import type { Issue } from "../kernel/errors.ts";
import { depthExceeds } from "../kernel/json.ts";
import { compile, DIALECT_IDS, dialectOf, issuesOf, judgeByMetaschema } from "./json-schema.ts";
import { withinMs } from "./time-limit.ts";

const SCHEMA_BYTES_MAX = 64 * 1024; // compiles in half a second at worst, which each process spends once
const SCHEMA_DEPTH_MAX = 100; // levels of objects and lists; the compiler recurses, and people do not nest so
const VALIDATORS_MAX = 1_000; // compiled schemas kept: some MiB, of schemas as people write them

// A `pattern` can backtrack for ever, `uniqueItems` compares each with each, a few `$ref`s double the work at each
// level: no reading of a schema tells which, so time is the limit. The largest honest payload, 256 KiB, takes 10 ms;
// a hundred times that leaves room for a machine under load, and is what one bad payload can hold up others.
const JUDGE_MS_MAX = 1_000;
const CHECK_MS_MAX = 3_000; // 64 KiB full of patterns compile in 0.5 s; a slow machine takes them too

// One value of each kind: a schema that cannot judge even these refers to itself without end.
const SIMPLEST = [null, true, 0, "", [], {}];

export type Judge = ReturnType<typeof createJudge>;

/** Says what makes a schema unusable, in words for its author; null when it can be used. */
export function checkSchema(schema: unknown): string | null {
  if (!isSchema(schema)) return "a JSON Schema is an object, true or false";
  if (depthExceeds(schema, SCHEMA_DEPTH_MAX))
    return `nested more than ${SCHEMA_DEPTH_MAX} levels deep; name its parts in $defs and refer to them`;
  if (Buffer.byteLength(JSON.stringify(schema)) > SCHEMA_BYTES_MAX)
    return `larger than ${SCHEMA_BYTES_MAX} bytes`;
  const dialect = dialectOf(schema);
  if (!dialect) return `$schema: ${DIALECT_IDS.join(" (the default) and ")} are known`;
  try {
    const checked = withinMs(CHECK_MS_MAX, () => {
      const issue = judgeByMetaschema(dialect, schema)?.[0];
      if (issue) return `${issue.path}: ${issue.message}`;
      const validate = compile(dialect, schema);
      for (const value of SIMPLEST) validate(value);
      return null;
    });
    return checked ? checked.result : "takes too long to compile; make it simpler";
  } catch (error) {
    return refusal(error);
  }
}

/**
 * Makes a judge, which keeps the schemas that it compiled. `key` stands for one version of one type's schema:
 * another schema under the same key is not looked at.
 */
export function createJudge(validatorsMax = VALIDATORS_MAX) {
  const validators = new Map<string, ValidateFunction>(); // the least recently used first

  function validatorOf(key: string, schema: unknown): ValidateFunction {
    const validate = validators.get(key) ?? compileStored(schema);
    validators.delete(key);
    validators.set(key, validate);
    const [oldest] = validators.keys();
    if (validators.size > validatorsMax && oldest !== undefined) validators.delete(oldest);
    return validate;
  }

  return {
    /** What in the payload does not fit; null when it fits. Never throws, whatever the payload. */
    judge(key: string, schema: unknown, payload: unknown): Issue[] | null {
      let validate: ValidateFunction;
      try {
        validate = validatorOf(key, schema);
      } catch (error) {
        return inPayload(`the schema of its type can't be used: ${refusal(error)}`);
      }
      try {
        const judged = withinMs(JUDGE_MS_MAX, () => validate(payload));
        if (!judged) return inPayload("takes too long to judge by the schema of its type");
        return judged.result ? null : issuesOf(validate.errors, "payload");
      } catch (error) {
        if (isStackOverflow(error))
          return inPayload("nested too deeply to judge by the schema of its type");
        return inPayload("could not be judged by the schema of its type");
      }
    },
  };
}

// Without a limit on time: what is stored has once been compiled within it.
function compileStored(schema: unknown): ValidateFunction {
  const dialect = dialectOf(schema);
  if (!dialect || !isSchema(schema)) throw new Error("not JSON Schema in a known dialect");
  return compile(dialect, schema);
}

function isSchema(schema: unknown): schema is object | boolean {
  return (
    typeof schema === "boolean" ||
    (typeof schema === "object" && schema !== null && !Array.isArray(schema))
  );
}

function refusal(error: unknown): string {
  if (isStackOverflow(error)) return "refers to itself without end";
  if (isOfKind(error, "TypeError")) return "a $ref in it leads to no schema"; // but into a null, say
  const message = error instanceof Error ? error.message : String(error);
  const missing = /^can't resolve reference (.*) from id/.exec(message)?.[1];
  if (missing === undefined) return message;
  return `$ref ${missing} is not in this schema; schemas elsewhere are not fetched, copy it into $defs`;
}

function isStackOverflow(error: unknown): boolean {
  return isOfKind(error, "RangeError");
}

// By its name: the error may come from another context, where its class is another one.
function isOfKind(error: unknown, name: "RangeError" | "TypeError"): boolean {
  return error instanceof Error ? error.name === name : String(error).startsWith(name);
}

function inPayload(message: string): Issue[] {
  return [{ path: "payload", message }];
}
