// What becomes of a payload that does not fit its type.
import type { EventType } from "../../api/catalogue.ts";

export function judgedBy({ schema, enforce }: Pick<EventType, "schema" | "enforce">): {
  word: string;
  kind: "good" | "busy" | "still";
} {
  if (schema === null || schema === undefined) return { word: "no schema", kind: "still" };
  return enforce
    ? { word: "schema enforced", kind: "good" }
    : { word: "schema as a note", kind: "busy" };
}
