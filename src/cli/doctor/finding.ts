// What the doctor finds: what is so, how bad that is, and what to do.

export type Level = "ok" | "note" | "warning" | "error";

export type Finding = {
  /** Whose database it is of, where there are several. */
  cell?: string;
  check: string;
  level: Level;
  found: string;
  /** What to do; null where nothing has to be done. */
  todo: string | null;
};

const LEVELS: readonly Level[] = ["ok", "note", "warning", "error"];

/** The finding of what is as it should be. */
export function ok(check: string, found: string): Finding {
  return { check, level: "ok", found, todo: null };
}

/** The finding of what is not, and what to do about it. */
export function bad(
  check: string,
  level: Exclude<Level, "ok">,
  found: string,
  todo: string,
): Finding {
  return { check, level, found, todo };
}

/** The worst of them. */
export function worstOf(findings: readonly Finding[]): Level {
  return LEVELS[Math.max(0, ...findings.map(({ level }) => LEVELS.indexOf(level)))] ?? "ok";
}
