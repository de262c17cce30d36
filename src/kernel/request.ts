// What an operation takes: an object whose fields are all known, and in which null may stand for what is left out.
import { z } from "zod";

/**
 * The schema of a request, or of an object in one. A field that may be left out takes null for it, so that what an answer
 * shows can be sent as it is; one whose own schema takes null gives it a meaning of its own, and keeps it.
 */
export function request<Shape extends Record<string, z.ZodType>>(shape: Shape) {
  const fields = Object.entries(shape).map(([name, field]) => [name, nullIsLeftOut(field)]);
  return z.strictObject(Object.fromEntries(fields) as Fields<Shape>);
}

type Fields<Shape> = { -readonly [Name in keyof Shape]: NullIsLeftOut<Shape[Name]> };

type NullIsLeftOut<Field> = Field extends z.ZodType
  ? undefined extends z.input<Field>
    ? null extends z.input<Field>
      ? Field
      : z.ZodPreprocess<Field, z.input<Field> | null>
    : Field
  : never;

function nullIsLeftOut(field: z.ZodType): z.ZodType {
  const mayBeLeftOut = field._zod.optin !== undefined;
  if (!mayBeLeftOut || field.safeParse(null).success) return field;
  return z.preprocess((value) => value ?? undefined, field);
}
