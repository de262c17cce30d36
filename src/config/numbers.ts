// Settings that are whole numbers.
import { z } from "zod";

export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "a whole number is needed")
    .transform(Number)
    .pipe(z.number().min(min, `at least ${min} is needed`).max(max, `at most ${max} is possible`));
