// How many processes one command runs.
import { availableParallelism } from "node:os";

import { z } from "zod";

const PROCESSES_MAX = 64; // of the largest machines' cores; beyond it PostgreSQL's connections are what runs out
const AUTO = "auto";

export const processes = z.string().transform((value, context): number => {
  if (value === AUTO) return Math.min(availableParallelism(), PROCESSES_MAX);
  const count = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (count >= 1 && count <= PROCESSES_MAX) return count;
  context.addIssue({
    code: "custom",
    message: `a whole number from 1 to ${PROCESSES_MAX} is needed, or ${AUTO} for one process a core`,
  });
  return z.NEVER;
});
