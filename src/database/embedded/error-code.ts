// The code of an error: ENOENT and its like of the system, SQLSTATE of PostgreSQL.

/** Reads an error's code; by its shape, because `instanceof Error` fails for what another realm threw (jest's tests). */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
