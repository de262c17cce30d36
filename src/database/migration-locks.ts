// Which locks a migration takes on what is there already, read from its text: pure.

/** A lock on a table, and what waits for it while the migration runs. */
export type TakenLock = { table: string; mode: string; stops: "everything" | "writes" | "nothing" };

// As PostgreSQL's documentation of explicit locking has them; what is not named here locks rows, or what it makes itself.
const STATEMENTS: [RegExp, string, TakenLock["stops"]][] = [
  [
    /\balter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?posthorn\.(\w+)/gi,
    "access exclusive",
    "everything",
  ],
  [
    /\bdrop\s+(?:table|view)\s+(?:if\s+exists\s+)?posthorn\.(\w+)/gi,
    "access exclusive",
    "everything",
  ],
  [/\btruncate\s+(?:table\s+)?posthorn\.(\w+)/gi, "access exclusive", "everything"],
  [
    /\bcreate\s+(?:unique\s+)?index\s+(?!concurrently)[^;]*?\son\s+posthorn\.(\w+)/gi,
    "share",
    "writes",
  ],
  [
    /\bcreate\s+(?:constraint\s+)?trigger\s[^;]*?\son\s+posthorn\.(\w+)/gi,
    "share row exclusive",
    "writes",
  ],
  [/\breferences\s+posthorn\.(\w+)/gi, "share row exclusive", "writes"],
  [/\bupdate\s+posthorn\.(\w+)\s/gi, "row exclusive", "nothing"],
  [/\bdelete\s+from\s+posthorn\.(\w+)/gi, "row exclusive", "nothing"],
  [/\binsert\s+into\s+posthorn\.(\w+)/gi, "row exclusive", "nothing"],
];

/** The strongest lock on each table that a migration names; the strongest first. Bodies of functions take none. */
export function locksOf(sql: string): TakenLock[] {
  const text = sql.replace(/--[^\n]*/g, "").replace(/\$(\w*)\$.*?\$\1\$/gs, "''");
  const statements = text.replace(/\bbegin\s+atomic\b.*?\bend\s*;/gis, "");
  const taken = new Map<string, TakenLock>();
  for (const [pattern, mode, stops] of STATEMENTS)
    for (const [, table = ""] of statements.matchAll(pattern))
      if (!taken.has(table)) taken.set(table, { table, mode, stops });
  return [...taken.values()];
}
