// A request's body: its type, its size, and its JSON, each refused in words.
import express, { type Request, type Response } from "express";

import { invalid, PosthornError } from "../kernel/errors.ts";

const BODY_BYTES_MAX = 1024 * 1024; // no single request but the large ones needs more
const LARGE_BODY_BYTES_MAX = 16 * 1024 * 1024; // a thousand events of 16 KiB

const readers = {
  usual: express.raw({ type: () => true, limit: BODY_BYTES_MAX }),
  large: express.raw({ type: () => true, limit: LARGE_BODY_BYTES_MAX }),
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a request's JSON; no body is `{}`. Throws the 415, 413 or 400. */
export async function readJson(
  request: Request,
  response: Response,
  large: boolean,
): Promise<unknown> {
  const text = await readText(request, response, large);
  return text === "" ? {} : parse(text);
}

/** Reads a request's body as the text that its JSON is; no body is none. Throws the 415, 413 or 400. */
export async function readText(
  request: Request,
  response: Response,
  large: boolean,
): Promise<string> {
  if (!hasBody(request)) return "";
  if (!isJson(request.headers["content-type"]))
    throw new PosthornError(
      "unsupported_media_type",
      "the body has to be JSON in UTF-8: send Content-Type: application/json",
    );
  // One that says its size is refused at once: the reader below answers only when all has come.
  const limit = large ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX;
  if (Number(request.headers["content-length"]) > limit) throw tooLarge(large);
  return decode(await readBytes(request, response, large));
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

function readBytes(request: Request, response: Response, large: boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    readers[large ? "large" : "usual"](request, response, (error?: unknown) => {
      if (error === undefined)
        return resolve(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
      reject(bodyError(error as { type?: string }, large));
    });
  });
}

function bodyError(error: { type?: string }, large: boolean): PosthornError {
  switch (error.type) {
    case "entity.too.large":
      return tooLarge(large);
    case "encoding.unsupported":
      return new PosthornError(
        "unsupported_media_type",
        "the body's Content-Encoding is not one of gzip, deflate and br",
      );
    default:
      return new PosthornError("invalid_request", "the body could not be read to its end", {
        cause: error,
      });
  }
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

// The engine's own text quotes the body, which may hold a secret: only where it broke is told.
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw invalid(
      "",
      `the body is not JSON${position === undefined ? "" : `, from character ${position} on`}; send a JSON object`,
    );
  }
}
