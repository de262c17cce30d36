// How an answer goes out: JSON whose length is told.
import type { Response } from "express";

import type { PosthornError } from "../kernel/errors.ts";
import { bytesOf, printPieces } from "../kernel/raw-json.ts";
import { sliced } from "../kernel/slices.ts";

const SLICE_LENGTH = 128 * 1024; // characters: encoded and handed to the system in a millisecond or less

/** Answers with a value. What is kept as JSON text goes out as it is. */
export function answerJson(response: Response, value: unknown): Promise<void> {
  return answerPieces(response, printPieces(value));
}

/**
 * Answers with JSON that is printed already. A large one goes out slice by slice, each when the one before has gone, with rests
 * between in which others have their turn: as one piece, 4 MiB hold the process for 20 ms.
 */
export async function answerPieces(response: Response, pieces: readonly string[]): Promise<void> {
  const bytes = bytesOf(pieces);
  response.set("Content-Type", "application/json; charset=utf-8");
  response.set("Content-Length", String(bytes));
  if (bytes <= SLICE_LENGTH) return void response.end(pieces.join(""));
  const rest = sliced();
  for (const slice of slicesOf(pieces)) {
    if (!response.write(slice)) await movedOn(response);
    if (response.destroyed) return; // its reader has gone
    await rest();
  }
  response.end();
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

// Handed over all at once, what a slow reader has not taken yet would be copied for him, and go in one piece when he does.
function movedOn(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
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
