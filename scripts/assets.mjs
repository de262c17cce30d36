// Files of a page: each named by what it holds, and beside itself compressed, as src/http/static.ts serves them.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { parse } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** A file's name with a hash of its bytes in it. */
export function hashedName(file, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const { name, ext } = parse(file);
  return `${name}.${hash}${ext}`;
}

/** Writes a file plain, by brotli and by gzip. Brotli's highest would take ten seconds for a tenth less. */
export function writeCompressed(path, bytes) {
  writeFileSync(path, bytes);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  );
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
