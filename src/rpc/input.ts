// What an operation is asked, judged by its schema and refused in our own words.
import type { z } from "zod";

import { invalid, PosthornError, type Issue } from "../kernel/errors.ts";
import { tooManyMembers } from "../kernel/fields.ts";
import { nearest } from "../kernel/near.ts";
import { wordsFor } from "../kernel/words.ts";

const ISSUES_MAX = 20; // of a list of a thousand bad items the first ones are enough
const NAME_SHOWN_MAX = 64; // characters of an unknown field's name

/** A schema as tRPC takes it: `parse` throws the 400. */
export type Input<Schema extends z.ZodType = z.ZodType> = {
  _input: z.input<Schema>;
  _output: z.output<Schema>;
  schema: Schema;
  parse(value: unknown): z.output<Schema>;
};

/** Makes an operation's input of the schema of its request. */
export function inputOf<Schema extends z.ZodType>(schema: Schema): Input<Schema> {
  const parse = (value: unknown): z.output<Schema> => {
    const tooMany = tooManyMembers(value);
    if (tooMany !== null) throw invalid("", `the request ${tooMany}`);
    const fields = new Map<string, string[]>(); // of an object in which some are not known, by its path
    const result = schema.safeParse(value, {
      error: (issue) => {
        if (issue.code === "unrecognized_keys") fields.set(pathOf(issue.path), namesOf(issue.inst));
        return wordsFor(issue);
      },
    });
    if (result.success) return result.data;
    throw refusal(result.error.issues.flatMap((issue) => asIssues(issue, fields)));
  };
  return { schema, parse } as Input<Schema>; // the two types are for TypeScript alone
}

function asIssues(issue: z.core.$ZodIssue, fields: ReadonlyMap<string, string[]>): Issue[] {
  const path = pathOf(issue.path);
  if (issue.code !== "unrecognized_keys")
    return [{ path, message: path === "" ? `the request ${issue.message}` : issue.message }];
  return issue.keys.slice(0, ISSUES_MAX).map((name) => ({
    path: pathOf([...issue.path, name.slice(0, NAME_SHOWN_MAX)]),
    message: unknownField(name, fields.get(path) ?? []),
  }));
}

function unknownField(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const advice =
    near === undefined ? "check the spelling or leave it out" : `did you mean \`${near}\`?`;
  return `is not a field of this request; ${advice}`;
}

function refusal(issues: Issue[]): PosthornError {
  const [first = { path: "", message: "the request is not valid" }] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more, see issues)` : "";
  const where = first.path === "" ? "" : `${first.path}: `;
  return new PosthornError("invalid_request", `${where}${first.message}${more}`, {
    issues: issues.slice(0, ISSUES_MAX),
  });
}

function pathOf(path: readonly PropertyKey[] = []): string {
  return path.map(String).join(".");
}

function namesOf(schema: z.core.$ZodRawIssue["inst"]): string[] {
  const { shape = {} } = (schema?._zod.def ?? {}) as { shape?: object };
  return Object.keys(shape);
}
