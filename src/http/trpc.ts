// /trpc: the same procedures for tRPC clients. The calls of a batch are made one after another and share what one answer may
// hold: made at once, a small request could ask for a hundred megabytes.
import { callTRPCProcedure } from "@trpc/server";
import type { Request, RequestHandler, Response } from "express";

import type { PosthornError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { callerError } from "../rpc/errors.ts";
import { appRouter, OPERATIONS, type Operation } from "../rpc/router.ts";
import type { Caller, Context, OpenContext, Unplaced } from "../rpc/trpc.ts";
import { unknownOperation } from "../rpc/unknown-operation.ts";
import { abortedWith } from "./answer.ts";
import { before401 } from "./auth.ts";
import type { Doors } from "./dot-endpoints.ts";
import { beforeRefusal, logFault } from "./errors.ts";
import { noteAnswer } from "./log-requests.ts";
import { methodNotAllowed } from "./methods.ts";
import { parseJson } from "./parse.ts";
import { idOfAnswer } from "./request-id.ts";
import {
  answerCalls,
  failure,
  inputsOf,
  readAsked,
  type Asked,
  type Envelope,
} from "./trpc-wire.ts";

/** What a request as a whole comes to, or the error that each of its calls is answered with. */
type Judged =
  | {
      context: Context | Unplaced | OpenContext;
      inputs: readonly (() => Promise<unknown>)[];
      judgeAgain?: Caller["judgeAgain"];
    }
  | { error: unknown };

/** Serves tRPC; reads go by GET or POST, keys in headers only. */
export function trpcEndpoint(
  {
    authenticate,
    admit,
    openAnswer,
    readJson,
    createContext,
    admitStranger,
    createOpenContext,
  }: Doors,
  log: Log,
): RequestHandler {
  return async (request, response) => {
    const asked = readAsked(request);
    const judged = asked.error
      ? { error: asked.error }
      : await judge(request, response, asked).catch((error: unknown) => ({ error }));
    const signal = abortedWith(response);
    const requestId = idOfAnswer(response);
    const envelopes: Envelope[] = [];
    const errors: PosthornError[] = [];
    for (const [index, name] of asked.names.entries()) {
      if (signal.aborted) return; // nobody waits for the others
      try {
        if (asked.error) throw asked.error;
        // Whether there is such an operation, and it is called as it may be, goes before who calls.
        const { type } = known(name, request, response);
        if ("error" in judged) throw judged.error;
        const { inputs, context: ctx } = judged;
        const data: unknown = await before401(judged.judgeAgain, () =>
          callTRPCProcedure({
            router: appRouter,
            path: name,
            getRawInput: () => inputs[index]?.() ?? Promise.resolve(undefined),
            ctx,
            type,
            signal,
            batchIndex: index,
          }),
        );
        noteAnswer(response, data);
        envelopes.push({ result: { data } });
      } catch (cause) {
        const error = callerError(cause);
        logFault(log, error, { operation: name, request_id: requestId });
        errors.push(error);
        envelopes.push(failure(error, name, requestId));
      }
    }
    await beforeRefusal(Math.max(0, ...errors.map(({ status }) => status)));
    await answerCalls(response, asked, envelopes, errors);
  };

  async function judge(request: Request, response: Response, asked: Asked): Promise<Judged> {
    if (asked.names.every((name) => OPERATIONS.get(name)?.meta.isOpen)) {
      const keyId = await admitStranger(request, asked.names.length);
      await openAnswer(keyId, false, response);
      const sent = await readJson(request, response, { keyId, large: undefined, depth: 0 });
      return { context: createOpenContext(keyId, response), inputs: kept(asked, sent) };
    }
    const publishes = asked.names.every((name) => OPERATIONS.get(name)?.meta.waits);
    const caller = await authenticate(request, response, publishes);
    return before401(caller.judgeAgain, () => judgeCalls(request, response, asked, caller));
  }

  async function judgeCalls(
    request: Request,
    response: Response,
    asked: Asked,
    caller: Caller,
  ): Promise<Judged> {
    const { keyId, judgeAgain } = caller;
    let leave = () => {};
    const reached = asked.names
      .map((name) => OPERATIONS.get(name))
      .filter((operation) => operation?.meta.scopes.includes(caller.scope));
    const writes = reached.some((operation) => operation?.type === "mutation");
    const context = createContext(caller, response, () => leave(), writes);
    if (reached.length === 0) return { context, inputs: [] }; // each call is 403 or 404, which go before all below
    await admit(keyId, reached.length);
    const isRead = reached.some((operation) => operation?.type === "query");
    leave = await openAnswer(keyId, isRead, response);
    const large = reached.find((operation) => operation?.meta.largeBody)?.meta.largeBody;
    const depth = asked.isBatch ? 3 : 2; // {"0": {"events": [
    const sent =
      request.method === "POST"
        ? await readJson(request, response, { keyId, large, depth })
        : asked.input === null
          ? undefined
          : parseJson(asked.input, "the input");
    return { context, inputs: kept(asked, sent), judgeAgain };
  }
}

// What of each call's input is kept; one that is refused already fails alone.
function kept(asked: Asked, sent: unknown): (() => Promise<unknown>)[] {
  return inputsOf(asked, sent).map((input, index) => {
    const keep = OPERATIONS.get(asked.names[index] ?? "")?.meta.keep;
    if (!keep) return () => Promise.resolve(input);
    try {
      const value = keep(input);
      return () => Promise.resolve(value);
    } catch (error) {
      const refused = error as Error;
      return () => Promise.reject(refused);
    }
  });
}

function known(name: string, request: Request, response: Response): Operation {
  const operation = OPERATIONS.get(name);
  if (!operation) throw unknownOperation(name);
  const methods = operation.type === "mutation" ? ["POST"] : ["GET", "POST"];
  if (!methods.includes(request.method)) throw methodNotAllowed(response, request.method, methods);
  return operation;
}
