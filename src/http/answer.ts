// How an answer goes out: JSON, compressed where that pays.
import { pipeline } from "node:stream/promises";

import type { Response } from "express";

import type { PosthornError } from "../kernel/errors.ts";
import { bytesOf, printPieces } from "../kernel/raw-json.ts";
import { sliced } from "../kernel/slices.ts";
import { codeQuickly, codingFor, codingStream, WORTH_CODING } from "./coding.ts";

const SLICE_LENGTH = 128 * 1024; // characters: encoded and handed to the system in a millisecond or less

/** How an answer may go out. */
export type Going = {
  /** Whether it may be compressed: not what shows a secret, whose length would tell of it. */
  mayBeCoded: boolean;
};

/** Answers with a value. What is kept as JSON text goes out as it is. */
export function answerJson(response: Response, value: unknown, going: Going): Promise<void> {
  return answerPieces(response, printPieces(value), going);
}

/**
 * Answers with JSON that is printed already. A large one goes out slice by slice, each when the one before has gone, with rests
 * between in which others have their turn: as one piece, 4 MiB hold the process for 20 ms.
 */
export async function answerPieces(
  response: Response,
  pieces: readonly string[],
  { mayBeCoded }: Going,
): Promise<void> {
  const bytes = bytesOf(pieces);
  const coding =
    mayBeCoded && bytes >= WORTH_CODING ? codingFor(response.req, response) : undefined;
  response.set("Content-Type", "application/json; charset=utf-8");
  if (coding) response.set("Content-Encoding", coding);
  if (bytes <= SLICE_LENGTH) {
    const text = pieces.join("");
    const body = coding ? await codeQuickly(Buffer.from(text), coding) : text;
    response.set("Content-Length", String(coding ? body.length : bytes)).end(body);
    return;
  }
  if (coding) await sent(pipeline(paced(pieces), codingStream(coding, bytes), response));
  else await sent(pipeline(paced(pieces), response.set("Content-Length", String(bytes))));
}

// Handed over all at once, what a slow reader has not taken yet would be copied for him, and go in one piece when he does.
async function* paced(pieces: readonly string[]): AsyncGenerator<string> {
  const rest = sliced();
  for (const slice of slicesOf(pieces)) {
    yield slice; // comes back when what it goes into takes more
    await rest();
  }
}

async function sent(pipeline: Promise<void>): Promise<void> {
  await pipeline.catch(() => {}); // its reader has gone
}

function* slicesOf(pieces: readonly string[]): Generator<string> {
  let slice = "";
  for (const piece of pieces)
    for (let start = 0, end = 0; start < piece.length; start = end) {
      end = endOfSlice(piece, start + SLICE_LENGTH - slice.length);
      slice += piece.slice(start, end);
      if (slice.length < SLICE_LENGTH) continue;
      yield slice;
      slice = "";
    }
  if (slice !== "") yield slice;
}

// Between two characters, and not in the midst of one that takes two units of UTF-16.
function endOfSlice(piece: string, wanted: number): number {
  const isHighSurrogate = (piece.charCodeAt(wanted - 1) & 0xfc00) === 0xd800;
  return isHighSurrogate ? wanted + 1 : wanted;
}

/** Resolves when an answer is read to its end, or its reader has gone. */
export async function closed(response: Response): Promise<void> {
  if (!response.closed) await new Promise((resolve) => response.once("close", resolve));
}

/** An error as its caller reads it. */
export function errorBody({ message, code, issues }: PosthornError, request_id: string): object {
  return { message, code, request_id, ...(issues && { issues }) };
}

/** Aborts when the caller has gone without its answer. */
export function abortedWith(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
