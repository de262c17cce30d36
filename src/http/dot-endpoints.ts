// POST /<operation>: the router's procedures as plain JSON over HTTP.
import { callTRPCProcedure } from "@trpc/server";
import type { Request, RequestHandler, Response } from "express";

import { appRouter, OPERATIONS, type Operation } from "../rpc/router.ts";
import { authorize, type Caller, type Context, type OpenContext } from "../rpc/trpc.ts";
import { unknownOperation } from "../rpc/unknown-operation.ts";
import { abortedWith, answerJson } from "./answer.ts";
import type { ReadJson } from "./body.ts";
import { noteAnswer } from "./log-requests.ts";
import { methodNotAllowed } from "./methods.ts";
import type { OpenAnswer } from "./open-answers.ts";
import type { Admit } from "./rate.ts";
import type { AdmitStranger } from "./strangers.ts";

const LARGE_LIST_DEPTH = 2; // {"events": [

export type Doors = {
  authenticate(request: Request, response: Response): Promise<Caller>;
  admit: Admit;
  openAnswer: OpenAnswer;
  readJson: ReadJson;
  createContext(caller: Caller, response: Response): Context;
  admitStranger: AdmitStranger;
  createOpenContext(address: string, response: Response): OpenContext;
};

/**
 * Serves an operation. Judged in this order: 404 unknown operation, 405, 401, 403, 429, 415, 413, 400; so a stranger
 * learns nothing by sending bodies, and a large one is refused before it is read.
 */
export function dotEndpoints(doors: Doors): RequestHandler {
  const { openAnswer, readJson } = doors;
  return async (request, response) => {
    const name = request.path.slice(1); // as it came: no operation's name needs decoding
    const operation = OPERATIONS.get(name);
    if (!operation) throw unknownOperation(name);
    if (request.method !== "POST") throw methodNotAllowed(response, request.method, ["POST"]);
    const { keyId, context } = operation.meta.isOpen
      ? await enterOpen(doors, request, response)
      : await enter(doors, operation, request, response);
    await openAnswer(keyId, operation.type === "query", response);
    const sent = await readJson(request, response, {
      keyId,
      large: operation.meta.largeBody,
      depth: LARGE_LIST_DEPTH,
    });
    const body = sent === undefined ? {} : sent;
    const answer: unknown = await callTRPCProcedure({
      router: appRouter,
      path: operation.name,
      getRawInput: () => Promise.resolve(body),
      ctx: context(),
      type: operation.type,
      signal: abortedWith(response),
      batchIndex: 0,
    });
    noteAnswer(response, answer);
    await answerJson(response, answer, { mayBeCoded: operation.type === "query" });
  };
}

async function enter(doors: Doors, operation: Operation, request: Request, response: Response) {
  const caller = await doors.authenticate(request, response);
  authorize(operation.meta, caller, operation.name);
  await doors.admit(caller.keyId);
  return { keyId: caller.keyId, context: () => doors.createContext(caller, response) };
}

async function enterOpen(doors: Doors, request: Request, response: Response) {
  const keyId = await doors.admitStranger(request);
  return { keyId, context: () => doors.createOpenContext(keyId, response) };
}
