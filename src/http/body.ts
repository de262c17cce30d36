// A request's body: its type, its size, and its JSON, each refused in words.
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

import type { Request } from "express";

import { invalid, PosthornError } from "../kernel/errors.ts";

const BODY_BYTES_MAX = 1024 * 1024; // no single request but the large ones needs more
const LARGE_BODY_BYTES_MAX = 16 * 1024 * 1024; // a thousand events of 16 KiB

const DECODERS: Record<string, () => NodeJS.ReadWriteStream & Readable> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a request's JSON; no body is undefined. Throws the 415, 413 or 400. */
export async function readJson(request: Request, large: boolean): Promise<unknown> {
  if (!hasBody(request)) return undefined;
  if (!isJson(request.headers["content-type"]))
    throw new PosthornError(
      "unsupported_media_type",
      "the body has to be JSON in UTF-8: send Content-Type: application/json",
    );
  // One that says its size is refused before any of it is read.
  const limit = large ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX;
  if (Number(request.headers["content-length"]) > limit) throw tooLarge(large);
  const text = decode(await readBytes(request, large));
  return text === "" ? undefined : parseJson(text, "the body");
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

// Express's reader tells of a body that is too large when all of it has come. This one answers at the first byte above the
// limit, decompressed ones counted as they are; Node drops what follows, for 30 s at most.
function readBytes(request: Request, large: boolean): Promise<Buffer> {
  const limit = large ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX;
  const source = decoded(request);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
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
      length += chunk.length;
      if (length > limit) end(() => reject(tooLarge(large)));
      else chunks.push(chunk);
    });
    source.once("end", () => end(() => resolve(Buffer.concat(chunks))));
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

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid("", "the body is not UTF-8");
  }
}

/** Parses `what` a caller has sent. Throws the 400. */
// The engine's own text quotes the body, which may hold a secret: only where it broke is told.
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw invalid(
      "",
      `${what} is not JSON${position === undefined ? "" : `, from character ${position} on`}; send a JSON object`,
    );
  }
}
