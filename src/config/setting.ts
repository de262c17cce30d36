// What one setting is.
import type { z } from "zod";

/** How its text is read, and what `.env.example` says of it. A fallback of null means: decided when the service starts. */
export type Setting<T extends z.ZodType = z.ZodType> = {
  read: T;
  fallback: string | null;
  about: string;
};

export const setting = <T extends z.ZodType>(
  read: T,
  fallback: string | null,
  about: string,
): Setting<T> => ({
  read,
  fallback,
  about,
});
