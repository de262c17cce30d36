// The files of an export: whether each is the one that was written.
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { StartError } from "../../kernel/errors.ts";
import { fileOf, type ExportedTable, type Manifest } from "./manifest.ts";
import { createMeter } from "./meter.ts";

/** Reads all files. Throws a StartError, one line, for the first that is missing, cut off, or has changed. */
export async function checkFiles(folder: string, { tables }: Manifest): Promise<void> {
  for (const table of tables) await checkFile(folder, table);
}

async function checkFile(folder: string, { name, bytes, sha256 }: ExportedTable): Promise<void> {
  const path = join(folder, fileOf(name));
  const meter = createMeter(() => {});
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  await pipeline(createReadStream(path), meter, nowhere).catch((cause: Error) => {
    throw new StartError(`${path} can't be read: ${cause.message}; nothing was imported`, {
      cause,
    });
  });
  if (meter.bytes !== bytes)
    throw new StartError(
      `${path} holds ${meter.bytes} bytes of the ${bytes} that were exported; nothing was imported`,
    );
  if (meter.sha256() !== sha256)
    throw new StartError(
      `${path} is not as it was exported: its SHA-256 is another; nothing was imported`,
    );
}
