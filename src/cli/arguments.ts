// Arguments of the command line, read: what a wrong one is told. For commander, which says which one it was.
import { InvalidArgumentError } from "commander";

import { instantInput, TENANT_PATTERN } from "../kernel/fields.ts";

/** A text that is more than white space. */
export function nonEmpty(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("a name is needed.");
  return text;
}

/** A tenant's name. */
export function tenantName(text: string): string {
  if (!TENANT_PATTERN.test(text))
    throw new InvalidArgumentError("1 to 64 of a-z, 0-9, _ and - are needed.");
  return text;
}

/** One more value of an option that can be given several times. */
export function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed.`);
  };
}

/** An instant: ISO 8601 with Z or an offset. */
export function instant(text: string): Date {
  const { success, data, error } = instantInput.safeParse(text);
  if (success) return data;
  throw new InvalidArgumentError(`${error.issues[0]?.message}.`);
}
