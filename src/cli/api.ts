// The service as commands reach it: POSTHORN_URL, POSTHORN_KEY, posthorn/client, and its errors in one line.
import type { TRPCClientError } from "@trpc/client";

import type { AppRouter, createClient } from "../client/index.ts";
import { SECOND } from "../kernel/duration.ts";
import { CommandError, EXIT, UsageError } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

export type Client = ReturnType<typeof createClient>;

/** Makes one call of the API. Throws a CommandError of one line where it is refused, or nobody answers. */
export type Api = <T>(call: (client: Client, options: CallOptions) => Promise<T>) => Promise<T>;

/** What goes with every call: who hangs is not waited for. */
export type CallOptions = { signal: AbortSignal };

const URL_USUAL = "http://127.0.0.1:8080"; // where posthorn serve listens, unless POSTHORN_URL says otherwise
const ANSWER_MS_MAX = 60 * SECOND; // longer than any call of ours takes, counting a replay's events included

type Refusal = {
  error_code: string;
  request_id: string;
  issues?: { path: string; message: string }[];
};

type Broken = Error & { cause?: { code?: string; message?: string } };

/** Reads where the service is and who asks, and answers how to call it. */
export async function openApi(
  { env }: Terminal,
  { tenant }: { tenant?: string } = {},
): Promise<Api> {
  const url = readUrl(env["POSTHORN_URL"] || URL_USUAL);
  const apiKey = env["POSTHORN_KEY"];
  if (!apiKey)
    throw new UsageError(
      "POSTHORN_KEY: an API key is needed; posthorn serve shows the admin's at its first start, posthorn keys create makes others",
    );
  if (!/^[!-~]+$/.test(apiKey))
    throw new UsageError(
      "POSTHORN_KEY: an API key has neither white space nor letters beyond ASCII",
    );
  const posthorn = await import("../client/index.ts"); // which commands beside the database do without
  const client = posthorn.createClient({ url, apiKey, ...(tenant !== undefined && { tenant }) });
  return async (call) => {
    try {
      return await call(client, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    } catch (error) {
      throw inOneLine(error, url);
    }
  };
}

function isRefused(error: unknown): error is TRPCClientError<AppRouter> {
  return error instanceof Error && error.name === "TRPCClientError";
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search)
    return url.href.replace(/\/$/, "");
  throw new UsageError(
    `POSTHORN_URL: the address of the service is needed, like ${URL_USUAL}, without a name or a password`,
  );
}

function inOneLine(error: unknown, url: string): unknown {
  if (!isRefused(error)) return error;
  const refusal = error.data as Refusal | null | undefined;
  const cause = error.cause as Broken | undefined;
  if (refusal) {
    const request =
      refusal.error_code === "internal_error" ? ` (request ${refusal.request_id})` : "";
    const code = refusal.error_code === "database_unavailable" ? EXIT.unreached : EXIT.refused;
    return new CommandError(code, `${refusal.error_code}: ${error.message}${request}`, {
      cause: error,
    });
  }
  return new CommandError(
    EXIT.unreached,
    `no answer from ${url} (POSTHORN_URL): ${reasonOf(cause)}`,
    { cause: error },
  );
}

// The reason that the runtime gives is two causes deep; "fetch failed" helps nobody.
function reasonOf(cause: Broken | undefined): string {
  switch (cause?.cause?.code) {
    case "ECONNREFUSED":
      return "nothing listens there; start the service with posthorn serve, or set POSTHORN_URL";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host is known; set POSTHORN_URL";
    default:
  }
  if (cause === undefined || cause.name === "SyntaxError")
    return "what answers there is no Posthorn; set POSTHORN_URL";
  const why =
    cause.name === "AbortError"
      ? `none came within ${ANSWER_MS_MAX / SECOND} s`
      : `the connection broke (${cause.cause?.code ?? cause.cause?.message ?? cause.message})`;
  return `${why}; whether the call was done is not known`;
}
