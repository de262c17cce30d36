// What is said of a value that does not fit: our own words for each kind of issue that zod finds. Values that could be a
// secret are not repeated; a number is, where one is wanted.
import type { z } from "zod";

import { nearest } from "./near.ts";

type RawIssue = z.core.$ZodRawIssue;

const NOT_SO = "is not as it has to be";

const KINDS: Record<string, string> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

/** The words for an issue; pass it as `error` to zod's parse. Messages that a schema has itself go before it. */
export function wordsFor(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return ofType(issue.expected, issue.input);
    case "too_big":
      return `must ${bound(issue.origin, "at most", issue.maximum, issue.inclusive)}${found(issue.input)}`;
    case "too_small":
      if (issue.origin === "string" && issue.minimum === 1) return "must not be empty";
      return `must ${bound(issue.origin, "at least", issue.minimum, issue.inclusive)}${found(issue.input)}`;
    case "invalid_value":
      return ofChoice(issue.values, issue.input);
    case "invalid_union": {
      // A text or a list of them: of a list, what is wrong is in it, or how long it is.
      const tried = issue.errors.flatMap((issues) => issues.slice(0, 1));
      const ofList = tried.find(({ path, code }) => path.length > 0 || code === "too_big");
      return (ofList ?? tried[0])?.message ?? NOT_SO;
    }
    case "unrecognized_keys":
      return "has fields that are not known"; // each has an issue of its own, see asIssues
    default:
      return NOT_SO;
  }
}

function ofType(expected: string, input: unknown): string {
  if (input === undefined) return "is needed";
  const found = kindOf(input, expected === "int" || expected === "number");
  return `must be ${KINDS[expected] ?? expected}, found ${found}`;
}

function ofChoice(values: readonly unknown[], input: unknown): string {
  if (input === undefined) return "is needed";
  const choices = values.map(String);
  const said = `must be ${choices.length > 1 ? "one of " : ""}${choices.join(", ")}`;
  if (typeof input !== "string")
    return `${said}; found ${kindOf(input, typeof values[0] === "number")}`;
  const near = nearest(input, choices);
  return near === undefined ? said : `${said}; did you mean ${near}?`;
}

function bound(
  origin: string,
  atLeastOrMost: "at least" | "at most",
  limit: number | bigint,
  inclusive = true,
): string {
  if (origin === "string") return `have ${atLeastOrMost} ${limit} characters`;
  if (origin === "array")
    return `have ${atLeastOrMost} ${limit} ${limit === 1 ? "entry" : "entries"}`;
  if (inclusive) return `be ${atLeastOrMost} ${limit}`;
  return `be ${atLeastOrMost === "at least" ? "above" : "below"} ${limit}`;
}

// How much there is, or the number itself.
function found(input: unknown): string {
  if (typeof input === "string" || Array.isArray(input)) return `, found ${input.length}`;
  return typeof input === "number" ? `, found ${input}` : "";
}

function kindOf(input: unknown, showsNumber: boolean): string {
  if (input === null) return "null";
  if (Array.isArray(input)) return "a list";
  switch (typeof input) {
    case "string":
      return "a text";
    case "number":
      if (!Number.isFinite(input)) return "a number beyond 1.8e308";
      return showsNumber ? String(input) : "a number";
    case "boolean":
      return String(input);
    default:
      return "an object";
  }
}
