// What a service asks its judging threads, and what they answer.
import type { Issue } from "../../kernel/errors.ts";

/** What a thread is started with: whether others of the process go before it. */
export type ThreadData = { yields: boolean };

/** One thing to judge, within `limitMs`. */
export type Task = { limitMs: number } & (
  | {
      kind: "payload";
      /** One version of one type's schema; `schema` may be left out where the thread knows it. */
      version: string;
      schema?: unknown;
      /** JSON text. */
      payload: string;
    }
  | { kind: "schema"; schema: unknown }
);

export type Finding =
  | { kind: "fits" }
  | { kind: "unfit"; issues: Issue[] }
  /** The schema is to be sent along. */
  | { kind: "schema wanted" }
  /** The time ran out. */
  | { kind: "slow" }
  /** Not begun: for the same version it ran out just before. */
  | { kind: "rests" }
  /** Of a schema: what makes it unusable, or null. */
  | { kind: "checked"; wrong: string | null };

export type Question = Task & { id: number };
export type Answer = { id: number; tookMs: number; finding: Finding };

/** What a thread says first. */
export const READY = "ready";
