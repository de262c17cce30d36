// A request's body: its type, its size, and its JSON, each refused in words.
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

import type { Request, Response } from "express";

import { PosthornError } from "../kernel/errors.ts";
import { takeApart, takeWhole, type LargeList } from "./json-pieces.ts";
import { createLargeBodies, type LargeBodies } from "./large-bodies.ts";
import { parsePieces } from "./parse.ts";

const BODY_BYTES_MAX = 1024 * 1024; // no single request but the large ones needs more
const LARGE_BODY_BYTES_MAX = 16 * 1024 * 1024; // a thousand events of 16 KiB

const DECODERS: Record<string, () => NodeJS.ReadWriteStream & Readable> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** Reads a request's JSON; no body is undefined. Throws the 415, 413, 429 or 400. */
export type ReadJson = (
  request: Request,
  response: Response,
  wanted: {
    keyId: string;
    large: LargeList | undefined;
    /** How deep the large list stands: in a batch of tRPC one level deeper. */
    depth: number;
  },
) => Promise<unknown>;

/** Makes the reader of one process. */
export function createReadJson(bodies: LargeBodies = createLargeBodies()): ReadJson {
  return async (request, response, { keyId, large, depth }) => {
    if (!hasBody(request)) return undefined;
    if (request.readableEnded)
      throw new PosthornError(
        "internal_error",
        "the body was read before it came here: in a server of your own, Posthorn's app comes before express.json()",
      );
    if (!isJson(request.headers["content-type"]))
      throw new PosthornError(
        "unsupported_media_type",
        "the body has to be JSON in UTF-8: send Content-Type: application/json",
      );
    // One that says its size is refused before any of it is read.
    const bytesMax = large ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX;
    const declared = Number(request.headers["content-length"] ?? 0);
    if (declared > bytesMax) throw tooLarge(large !== undefined);
    const found = { isLarge: false };
    const noteSize = (bytes: number, atMost: number) => {
      if (bytes > bytesMax) throw tooLarge(large !== undefined);
      if (found.isLarge || bytes <= BODY_BYTES_MAX) return;
      found.isLarge = true;
      bodies.begin(keyId, atMost, response);
    };
    noteSize(declared, declared);
    const taken = large ? takeApart(depth, large) : takeWhole();
    await readChunks(request, (chunk, bytes) => {
      noteSize(bytes, bytesMax);
      taken.push(chunk);
    });
    const parse = () => parsePieces(taken.end(), depth, large);
    return found.isLarge ? bodies.inTurn(parse) : parse();
  };
}

function hasBody(request: Request): boolean {
  const length = request.headers["content-length"];
  return (
    request.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0")
  );
}

function isJson(contentType: string | undefined): boolean {
  const [type, ...parameters] = (contentType ?? "")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  return (
    type === "application/json" && (charset === undefined || /^charset="?utf-?8"?$/.test(charset))
  );
}

// Express's reader tells of a body that is too large when all of it has come. This one ends where `take` throws, decompressed
// bytes counted as they are; Node drops what follows, for 30 s at most.
function readChunks(request: Request, take: (chunk: Buffer, bytes: number) => void): Promise<void> {
  const source = decoded(request);
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const end = (settle: () => void) => {
      source.removeAllListeners("data");
      if (source !== request) {
        request.unpipe();
        source.destroy();
      }
      request.resume();
      settle();
    };
    const broken = (cause?: unknown) =>
      end(() => {
        const message = "the body could not be read to its end";
        reject(new PosthornError("invalid_request", message, { cause }));
      });
    source.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      try {
        take(chunk, bytes);
      } catch (error) {
        const refused = error as Error;
        end(() => reject(refused));
      }
    });
    source.once("end", () => end(resolve));
    source.on("error", broken);
    request.on("error", broken);
    request.once("close", () => {
      if (!request.complete) broken();
    });
  });
}

function decoded(request: Request): Readable {
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity") return request;
  const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (decoder) return request.pipe(decoder());
  throw new PosthornError(
    "unsupported_media_type",
    "the body's Content-Encoding is not one of gzip, deflate and br",
  );
}

function tooLarge(large: boolean): PosthornError {
  return new PosthornError(
    "body_too_large",
    `the body may have ${large ? "16 MiB" : "1 MiB"} at most; send less at a time`,
  );
}
