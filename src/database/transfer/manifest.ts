// What an export holds. Written last: a folder without it holds one that was cut off.
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { StartError } from "../../kernel/errors.ts";

const FILE = "manifest.json";
const FORMAT = 1;
const HASH = /^[0-9a-f]{64}$/;

const manifest = z.object({
  format: z.literal(FORMAT),
  /** Of the schema: rows are taken by the same one alone. */
  schema_version: z.int(),
  posthorn: z.string(),
  server: z.string(),
  exported_at: z.string(),
  /** Which installation's it was. */
  installation: z.string().nullable(),
  tables: z.array(
    z.object({
      name: z.string(),
      columns: z.array(z.string()),
      rows: z.int(),
      bytes: z.int(),
      sha256: z.string().regex(HASH),
    }),
  ),
  sequences: z.array(z.object({ name: z.string(), value: z.int(), is_called: z.boolean() })),
  /** By name: numbers of roles are one server's. */
  publishers: z.array(z.object({ role: z.string(), tenant: z.string() })),
});

export type Manifest = z.output<typeof manifest>;
export type ExportedTable = Manifest["tables"][number];

/** The name of a table's file. */
export const fileOf = (table: string) => `${table}.copy`;

/** Writes it, so that it is there whole or not at all. */
export async function writeManifest(
  folder: string,
  content: Omit<Manifest, "format">,
): Promise<void> {
  const path = join(folder, FILE);
  const text = `${JSON.stringify({ format: FORMAT, ...content }, null, 2)}\n`;
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Reads it. Throws a StartError, one line, where it is not there or is none of ours. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, FILE);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new StartError(
      `${folder} holds no export: ${FILE} can't be read there, and one that was cut off has none`,
      { cause },
    );
  });
  const { success, data, error } = manifest.safeParse(parsed(text));
  if (success) return data;
  const [issue] = error.issues;
  throw new StartError(
    `${path} is not what posthorn database export has written: ${issue?.path.join(".") || "the file"} can't be meant`,
    { cause: error },
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
