// What tRPC's clients send and read: the URL that names the calls, and the envelopes of their answers.
import { getTRPCErrorShape } from "@trpc/server";
import type { Request, Response } from "express";

import { invalid, PosthornError } from "../kernel/errors.ts";
import { printPieces } from "../kernel/raw-json.ts";
import { asTrpcError } from "../rpc/errors.ts";
import { appRouter, OPERATIONS } from "../rpc/router.ts";
import { unknownOperation } from "../rpc/unknown-operation.ts";
import { answerPieces } from "./answer.ts";
import { setErrorHeaders } from "./errors.ts";

const BATCH_MAX = 10; // calls in one request: a page of a dashboard makes fewer

/** What a request asks for, as its URL and headers say. */
export type Asked = {
  names: readonly string[];
  isBatch: boolean;
  /** As JSON lines, which is how httpBatchStreamLink reads. */
  inLines: boolean;
  /** What a GET gives its calls, as JSON. */
  input: string | null;
  /** Why it can't be read; each call is answered with it. */
  error?: PosthornError;
};

/** One call's part of the answer. */
export type Envelope = { result: { data: unknown } } | { error: unknown };

/** Reads which calls a request makes. */
export function readAsked(request: Request): Asked {
  const accept = request.get("trpc-accept") ?? request.get("accept") ?? "";
  const inLines = accept.includes("application/jsonl");
  const raw = request.path.slice(1);
  const unreadable = (error: PosthornError): Asked => {
    return { names: [raw], isBatch: false, inLines, input: null, error };
  };
  try {
    const { searchParams } = new URL(request.originalUrl, `http://${request.get("host") ?? "-"}`);
    const isBatch = searchParams.get("batch") === "1";
    const names = isBatch ? raw.split(",") : [raw];
    if (names.length > BATCH_MAX)
      return unreadable(
        invalid(
          "",
          `a batch may have ${BATCH_MAX} calls, ${names.length} were found; set maxItems of the client's link`,
        ),
      );
    const asked = { names, isBatch, inLines, input: searchParams.get("input") };
    // An operation has one spelling; one that can't be decoded is none.
    return decodeURIComponent(raw) === raw ? asked : { ...asked, error: unknownOperation(raw) };
  } catch {
    return unreadable(invalid("", "the request's URL or Host can't be read"));
  }
}

/** Each call's input, of what was sent for all of them. */
export function inputsOf({ isBatch, names }: Asked, sent: unknown): unknown[] {
  if (!isBatch) return [sent];
  if (sent !== undefined && (typeof sent !== "object" || sent === null || Array.isArray(sent)))
    throw invalid("", "a batch's input is an object that has each call's input by its number");
  const inputs = (sent ?? {}) as Record<number, unknown>;
  return names.map((_, index) => inputs[index]);
}

/** The part of a call that failed. */
export function failure(error: PosthornError, path: string, requestId: string): Envelope {
  return {
    error: getTRPCErrorShape({
      config: appRouter._def._config,
      error: asTrpcError(error),
      type: OPERATIONS.get(path)?.type ?? "unknown",
      path,
      input: undefined,
      ctx: { requestId },
    }),
  };
}

/** Answers with every call's part; `errors` are those of the calls that failed. */
export async function answerCalls(
  response: Response,
  { names, isBatch, inLines }: Asked,
  envelopes: readonly Envelope[],
  errors: readonly PosthornError[],
): Promise<void> {
  setErrorHeaders(response, errors);
  response.vary("trpc-accept, accept");
  const mayBeCoded = names.every((name) => OPERATIONS.get(name)?.type === "query");
  if (isBatch && inLines) {
    // One line, in which each call's part has come already. A line feed between a stored text's tokens would end it.
    const parts = Object.fromEntries(envelopes.map((envelope, index) => [index, [[envelope]]]));
    const line = printPieces(parts).map((piece) => piece.replaceAll("\n", " "));
    return answerPieces(response, [...line, "\n"], { mayBeCoded });
  }
  response.status(statusOf(envelopes.length, errors));
  return answerPieces(response, printPieces(isBatch ? envelopes : envelopes[0]), { mayBeCoded });
}

function statusOf(calls: number, errors: readonly PosthornError[]): number {
  const [status = 200, ...others] = new Set(errors.map((error) => error.status));
  const isCommon = others.length === 0 && (errors.length === calls || errors.length === 0);
  return isCommon ? status : 207;
}
