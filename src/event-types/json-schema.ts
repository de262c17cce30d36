// JSON Schema as users may write it: which dialects there are, how one is compiled, what its refusals say.
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

import type { Issue } from "../kernel/errors.ts";
import { judgeEquality } from "./equality.ts";
import { judgeReferences } from "./references.ts";

const ISSUES_MAX = 10; // a failed anyOf has some for every branch; nobody reads more
const TEXT_MAX = 300; // of a path or a message: keys and patterns in them can be as long as the payload

type Dialect = { id: string; create: (options: Options) => Ajv };

const DRAFT_2020_12: Dialect = {
  id: "https://json-schema.org/draft/2020-12/schema",
  create: (options) => judgeEquality(new Ajv2020(options)),
};

const DRAFT_07: Dialect = {
  id: "http://json-schema.org/draft-07/schema",
  create: (options) => judgeEquality(new Ajv(options)),
};

const DIALECTS = [DRAFT_2020_12, DRAFT_07];

/** What `$schema` may say, the default first. */
export const DIALECT_IDS = DIALECTS.map((dialect) => dialect.id);

/** The dialect that `$schema` names, 2020-12 where it is silent, or undefined for one we do not speak. */
export function dialectOf(schema: unknown): Dialect | undefined {
  const named = typeof schema === "object" && schema !== null && "$schema" in schema;
  if (!named) return DRAFT_2020_12;
  const id = String(schema.$schema).replace(/#$/, ""); // both spellings are about
  return DIALECTS.find((dialect) => dialect.id === id);
}

/**
 * Compiles a schema in an Ajv of its own, so that no `$id`, format or option of one reaches another.
 * Throws what is wrong, in words. Nothing is fetched: a `$ref` leads into the same schema or nowhere.
 */
export function compile(dialect: Dialect, schema: object | boolean): ValidateFunction {
  const ajv = dialect.create({
    strict: false, // unknown keywords and formats are comments, as the specification has it
    logger: false,
    meta: false,
    validateSchema: false, // 25 ms each time; checkSchema did it once
    ownProperties: true, // else {} has the required property "constructor"
    code: { optimize: false }, // 64 KiB of schema compile in 0.4 s instead of 1.2, and judge as fast
  });
  formats.default(ajv);
  judgeReferences(ajv);
  const validate = ajv.compile(schema);
  // Its validators answer promises, whose rejections nobody would catch.
  if ("$async" in validate) throw new Error("$async is not taken");
  return validate;
}

const metaschemas = new Map<Dialect, ValidateFunction>();

/** Judges a schema by its dialect's metaschema; null when it fits. */
export function judgeByMetaschema(dialect: Dialect, schema: unknown): Issue[] | null {
  const validate = metaschemas.get(dialect) ?? compileMetaschema(dialect);
  metaschemas.set(dialect, validate);
  return validate(schema) ? null : issuesOf(validate.errors, "schema");
}

function compileMetaschema(dialect: Dialect): ValidateFunction {
  const ajv = dialect.create({ strict: false, logger: false });
  const validate = ajv.getSchema(dialect.id);
  if (!validate) throw new Error(`no metaschema of ${dialect.id}`);
  return validate;
}

/** Ajv's errors as issues, their paths dotted under `root`. */
export function issuesOf(errors: ErrorObject[] | null | undefined, root: string): Issue[] {
  return (errors ?? []).slice(0, ISSUES_MAX).map((error) => ({
    path: clip([root, ...steps(error.instancePath)].join(".")),
    message: clip(words(error)),
  }));
}

// A JSON pointer's steps, RFC 6901, section 4.
function steps(pointer: string): string[] {
  const escaped = pointer.split("/").slice(1);
  return escaped.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

// Ajv says that a value is not allowed; its parameters know which are, or which one it was.
function words({ keyword, params, message = "does not fit" }: ErrorObject): string {
  switch (keyword) {
    case "enum":
      return `must be one of ${(params["allowedValues"] as unknown[]).map(quoted).join(", ")}`;
    case "const":
      return `must be ${quoted(params["allowedValue"])}`;
    case "additionalProperties":
      return `${message}, has ${quoted(params["additionalProperty"])}`;
    case "unevaluatedProperties":
      return `${message}, has ${quoted(params["unevaluatedProperty"])}`;
    case "propertyNames":
      return `${message}: ${quoted(params["propertyName"])}`;
    case "false schema":
      return "must not be there";
    default:
      return message;
  }
}

function quoted(value: unknown): string {
  return JSON.stringify(value);
}

function clip(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}
