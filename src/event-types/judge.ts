// Whether a payload fits its type's schema, and whether a schema can be used for that at all.
import type { ValidateFunction } from "ajv";

import type { Issue } from "../kernel/errors.ts";
import { compile, DIALECT_IDS, dialectOf, issuesOf, judgeByMetaschema } from "./json-schema.ts";
import { checkShape, isSchema, TOO_LONG_TO_COMPILE } from "./shape.ts";
import { withinMs } from "./time-limit.ts";

const VALIDATORS_MAX = 1_000; // compiled schemas kept: some MiB, of schemas as people write them

// One value of each kind: a schema that cannot judge even these refers to itself without end.
const SIMPLEST = [null, true, 0, "", [], {}];

/**
 * Says what makes a schema unusable, in words for its author; null when it can be used. May take all of `limitMs`, as
 * judging may, and so belongs into a thread of its own: a `pattern` can backtrack for ever, `uniqueItems` compares each with
 * each, a few `$ref`s double the work at each level, and no reading of a schema tells which.
 */
export function checkSchema(schema: unknown, limitMs: number): string | null {
  const wrong = checkShape(schema);
  if (wrong !== null || !isSchema(schema)) return wrong;
  const dialect = dialectOf(schema);
  if (!dialect) return `$schema: ${DIALECT_IDS.join(" (the default) and ")} are known`;
  try {
    const checked = withinMs(limitMs, () => {
      const issue = judgeByMetaschema(dialect, schema)?.[0];
      if (issue) return `${issue.path}: ${issue.message}`;
      const validate = compile(dialect, schema);
      for (const value of SIMPLEST) validate(value);
      return null;
    });
    return checked ? checked.result : TOO_LONG_TO_COMPILE;
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
    /** Whether the schema under this key is compiled. */
    knows: (key: string): boolean => validators.has(key),

    /**
     * What in the payload, JSON text, does not fit; null when it fits, "slow" where `limitMs` were over before that was
     * known. Never throws.
     */
    judge(key: string, schema: unknown, payload: string, limitMs: number): Issue[] | null | "slow" {
      const step = { isCompiled: false };
      try {
        const judged = withinMs(limitMs, () => {
          const validate = validatorOf(key, schema);
          step.isCompiled = true;
          return validate(JSON.parse(payload)) ? null : issuesOf(validate.errors, "payload");
        });
        return judged ? judged.result : "slow";
      } catch (error) {
        if (!step.isCompiled)
          return inPayload(`the schema of its type can't be used: ${refusal(error)}`);
        return inPayload(trouble(error));
      }
    },
  };
}

function trouble(error: unknown): string {
  if (isStackOverflow(error)) return "nested too deeply to judge by the schema of its type";
  // PostgreSQL's notion of JSON is not JavaScript's to the last corner.
  if (isOfKind(error, "SyntaxError")) return "not JSON";
  return "could not be judged by the schema of its type";
}

function compileStored(schema: unknown): ValidateFunction {
  const dialect = dialectOf(schema);
  if (!dialect || !isSchema(schema)) throw new Error("not JSON Schema in a known dialect");
  return compile(dialect, schema);
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
function isOfKind(error: unknown, name: "RangeError" | "SyntaxError" | "TypeError"): boolean {
  return error instanceof Error ? error.name === name : String(error).startsWith(name);
}

function inPayload(message: string): Issue[] {
  return [{ path: "payload", message }];
}
