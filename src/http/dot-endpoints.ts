// POST /<operation>: the router's procedures as plain JSON over HTTP.
import { callTRPCProcedure } from "@trpc/server";
import type { Request, RequestHandler, Response } from "express";

import { appRouter, OPERATIONS, type Operation } from "../rpc/router.ts";
import {
  authorize,
  type Caller,
  type Context,
  type OpenContext,
  type Unplaced,
} from "../rpc/trpc.ts";
import { unknownOperation } from "../rpc/unknown-operation.ts";
import { abortedWith, answerJson } from "./answer.ts";
import { before401 } from "./auth.ts";
import type { ReadJson } from "./body.ts";
import { noteAnswer } from "./log-requests.ts";
import { methodNotAllowed } from "./methods.ts";
import type { OpenAnswer } from "./open-answers.ts";
import type { Admit } from "./rate.ts";
import type { AdmitStranger } from "./strangers.ts";

const LARGE_LIST_DEPTH = 2; // {"events": [

export type Doors = {
  /** `publishes` says that the key may be judged with what is asked. */
  authenticate(request: Request, response: Response, publishes: boolean): Promise<Caller>;
  admit: Admit;
  openAnswer: OpenAnswer;
  readJson: ReadJson;
  /** `waits` is called when the call begins to wait for the database. */
  createContext(
    caller: Caller,
    response: Response,
    waits: () => void,
    writes: boolean,
  ): Context | Unplaced;
  admitStranger: AdmitStranger;
  createOpenContext(address: string, response: Response): OpenContext;
};

/**
 * Serves an operation. Judged in this order: 404 unknown operation, 405, 401, 403, 429, 415, 413, 400; so a stranger
 * learns nothing by sending bodies, and a large one is refused before it is read.
 */
export function dotEndpoints(doors: Doors): RequestHandler {
  return async (request, response) => {
    const name = request.path.slice(1); // as it came: no operation's name needs decoding
    const operation = OPERATIONS.get(name);
    if (!operation) throw unknownOperation(name);
    if (request.method !== "POST") throw methodNotAllowed(response, request.method, ["POST"]);
    const { keyId, judgeAgain, context } = operation.meta.isOpen
      ? await enterOpen(doors, request, response)
      : await enter(doors, operation, request, response);
    const answer = await before401(judgeAgain, async (): Promise<unknown> => {
      const leave = await doors.openAnswer(keyId, operation.type === "query", response);
      const body = await readBody(doors, operation, keyId, request, response);
      return callTRPCProcedure({
        router: appRouter,
        path: operation.name,
        getRawInput: () => Promise.resolve(body),
        ctx: context(leave),
        type: operation.type,
        signal: abortedWith(response),
        batchIndex: 0,
      });
    });
    noteAnswer(response, answer);
    await answerJson(response, answer, { mayBeCoded: operation.type === "query" });
  };
}

async function readBody(
  { readJson }: Doors,
  { meta: { largeBody: large, keep } }: Operation,
  keyId: string,
  request: Request,
  response: Response,
): Promise<unknown> {
  const sent = await readJson(request, response, { keyId, large, depth: LARGE_LIST_DEPTH });
  const body = sent === undefined ? {} : sent;
  return keep ? keep(body) : body;
}

async function enter(doors: Doors, operation: Operation, request: Request, response: Response) {
  const caller = await doors.authenticate(request, response, operation.meta.waits === true);
  const { keyId, judgeAgain } = caller;
  await before401(judgeAgain, () => {
    authorize(operation.meta, caller, operation.name);
    return doors.admit(keyId);
  });
  return {
    keyId,
    judgeAgain,
    context: (waits: () => void) =>
      doors.createContext(caller, response, waits, operation.type === "mutation"),
  };
}

async function enterOpen(doors: Doors, request: Request, response: Response) {
  const keyId = await doors.admitStranger(request);
  return {
    keyId,
    judgeAgain: undefined,
    context: () => doors.createOpenContext(keyId, response),
  };
}
