// What went wrong, as the one who looks reads it.
import { TRPCClientError } from "@trpc/client";

export type Issue = { path: string; message: string };

export type Failure = {
  message: string;
  /** The HTTP status; 0 where there was no answer. */
  status: number;
  code: string;
  /** To look it up in the service's log. */
  requestId: string | null;
  issues: Issue[];
};

type Data = {
  httpStatus?: number;
  error_code?: string;
  request_id?: string;
  issues?: Issue[];
};

const NO_ANSWER =
  "The service does not answer. It may be starting again, or the network may be away.";

/** Reads whatever a call threw. */
export function failureOf(error: unknown): Failure {
  const data = error instanceof TRPCClientError ? (error.data as Data | null | undefined) : null;
  if (!data?.httpStatus)
    return { message: NO_ANSWER, status: 0, code: "no_answer", requestId: null, issues: [] };
  return {
    message: error instanceof Error ? sentence(error.message) : NO_ANSWER,
    status: data.httpStatus,
    code: data.error_code ?? "internal_error",
    requestId: data.request_id ?? null,
    issues: data.issues ?? [],
  };
}

/** What is said at each field, by its path; under "" what belongs to none of `fields`. */
export function issuesByField(failure: Failure | null, fields: string[]): Record<string, string> {
  const messages: Record<string, string> = {};
  for (const { path, message } of failure?.issues ?? []) {
    const field = fields.find((name) => path === name || path.startsWith(`${name}.`)) ?? "";
    const text = field === "" && path !== "" ? `${path}: ${message}` : message;
    messages[field] = messages[field] ? `${messages[field]}; ${text}` : text;
  }
  return messages;
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
