// What a built-in event type is, and the fields that several of them share.
import { z } from "zod";

/** A type that every tenant has: its schema documents the payload, and is not enforced. */
export type BuiltInType = {
  name: string;
  description: string;
  example: unknown;
  /** JSON Schema, draft 2020-12. */
  schema: Record<string, unknown>;
};

/** Describes a type by the shape of its payload; the compiler holds the example to the same shape. */
export function builtIn<Payload extends z.ZodObject>(
  name: string,
  description: string,
  payload: Payload,
  example: z.input<Payload>,
): BuiltInType {
  // Read as input, objects stay open: publishers add fields of their own.
  return { name, description, example, schema: z.toJSONSchema(payload, { io: "input" }) };
}

// A format says in one word what zod's own date and UUID checks would spell out as a page of pattern.
export const time = z.string().meta({ format: "date-time", description: "ISO 8601." });
export const uuid = z.string().meta({ format: "uuid" });
export const uri = z.string().meta({ format: "uri" });
export const metadata = z.looseObject({}).meta({ description: "Free fields of the source's own." });
export const conversationId = z.string().meta({ description: "The conversation it belongs to." });
export const party = z.string().meta({ description: "A phone number, email address or handle." });
