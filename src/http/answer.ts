// How an answer goes out: JSON whose length is told.
import type { Response } from "express";

import { bytesOf, printPieces } from "../kernel/raw-json.ts";
import { sliced } from "../kernel/slices.ts";

const SLICE_LENGTH = 128 * 1024; // characters: encoded and handed to the system in a millisecond or less

/** Answers with a value. What is kept as JSON text goes out as it is. */
export function answerJson(response: Response, value: unknown): Promise<void> {
  return answerPieces(response, printPieces(value));
}

/**
 * Answers with JSON that is printed already. A large one goes out slice by slice, with rests between in which others have
 * their turn: as one piece, 4 MiB hold the process for 20 ms.
 */
export async function answerPieces(response: Response, pieces: readonly string[]): Promise<void> {
  const bytes = bytesOf(pieces);
  response.set("Content-Type", "application/json; charset=utf-8");
  response.set("Content-Length", String(bytes));
  if (bytes <= SLICE_LENGTH) return void response.end(pieces.join(""));
  await writeSlices(response, pieces);
  response.end();
}

async function writeSlices(response: Response, pieces: readonly string[]): Promise<void> {
  const rest = sliced();
  for (const piece of pieces)
    for (let start = 0, end = 0; start < piece.length; start = end) {
      end = endOfSlice(piece, start + SLICE_LENGTH);
      response.write(piece.slice(start, end));
      await rest();
      if (response.destroyed) return; // its reader has gone
    }
}

// Between two characters, and not in the midst of one that takes two units of UTF-16.
function endOfSlice(piece: string, wanted: number): number {
  const isHighSurrogate = (piece.charCodeAt(wanted - 1) & 0xfc00) === 0xd800;
  return isHighSurrogate ? wanted + 1 : wanted;
}

/** Aborts when the caller has gone, or has its answer. */
export function abortedWith(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}
