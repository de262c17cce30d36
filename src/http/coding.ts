// In which coding an answer's body goes out: brotli or gzip, whichever its reader takes.
import type { Transform } from "node:stream";
import { promisify } from "node:util";
import { brotliCompress, constants, createBrotliCompress, createGzip, gzip } from "node:zlib";

import type { Request, Response } from "express";

/** A content coding, by its name in HTTP. */
export type Coding = "br" | "gzip";

/** Bytes: what is smaller goes out in one packet anyway. */
export const WORTH_CODING = 1024;

const CODINGS: readonly Coding[] = ["br", "gzip"]; // the better one first
// Brotli's lowest is as small as its fourth on JSON, for a fifteenth of the time.
const QUICK = 1;
const THOROUGH = 9;
const WINDOW_BITS = 18; // 256 KiB, which one answer's compression keeps; a larger window saves little
const CHUNK_BYTES = 64 * 1024;

/** The coding that suits the request's reader, whom a cache then has to ask for. */
export function codingFor(request: Request, response: Response): Coding | undefined {
  response.vary("Accept-Encoding");
  return CODINGS.find((coding) => request.acceptsEncodings(coding) !== false);
}

/** Compresses what is made anew for each answer, in the thread pool. */
export function codeQuickly(bytes: Buffer, coding: Coding): Promise<Buffer> {
  return code(bytes, coding, QUICK);
}

/** Compresses what is kept and served many times. */
export function codeThoroughly(bytes: Buffer, coding: Coding): Promise<Buffer> {
  return code(bytes, coding, THOROUGH);
}

/** What compresses as it is written to. */
export function codingStream(coding: Coding, bytes: number): Transform {
  return coding === "br"
    ? createBrotliCompress(brotliOptions(QUICK, bytes))
    : createGzip({ level: QUICK, chunkSize: CHUNK_BYTES });
}

function code(bytes: Buffer, coding: Coding, level: number): Promise<Buffer> {
  return coding === "br"
    ? promisify(brotliCompress)(bytes, brotliOptions(level, bytes.length))
    : promisify(gzip)(bytes, { level });
}

function brotliOptions(quality: number, bytes: number) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: quality,
    [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes,
  };
  return { params, chunkSize: CHUNK_BYTES };
}
