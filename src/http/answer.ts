// How an answer goes out: one piece of JSON, whose length is told.
import type { Response } from "express";

import { printJson } from "../kernel/raw-json.ts";

/** Answers with a value. What is kept as JSON text goes out as it is. */
export function answerJson(response: Response, value: unknown): void {
  answerText(response, printJson(value));
}

/** Answers with JSON that is printed already. */
export function answerText(response: Response, json: string): void {
  const body = Buffer.from(json);
  response.set("Content-Type", "application/json; charset=utf-8");
  response.set("Content-Length", String(body.length));
  response.end(body);
}

/** Aborts when the caller has gone, or has its answer. */
export function abortedWith(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}
