// The errors of openapi.yaml: which answer when, and their one shape.
import { ERROR_STATUS, type ErrorCode } from "../kernel/errors.ts";

type JsonObject = Record<string, unknown>;

// What any operation can answer; its 404 and 409 are its own.
const COMMON_ERRORS: readonly ErrorCode[] = [
  "invalid_request",
  "unauthorized",
  "forbidden",
  "method_not_allowed",
  "body_too_large",
  "unsupported_media_type",
  "rate_limited",
  "internal_error",
  "unsure",
  "database_unavailable",
];

/** What an operation without a key, on a link, answers beside. */
export const LINK_ERRORS: readonly ErrorCode[] = ["link_used"];

const STATUS_TEXT: Record<number, string> = {
  400: "The request is not valid; nothing was changed.",
  401: "No valid API key.",
  403: "The key's scope does not reach this operation or tenant.",
  404: "There is no such thing in this tenant.",
  405: "Another method than POST.",
  409: "The request conflicts with what is there.",
  413: "The body is too large.",
  415: "The body is not JSON.",
  429: "Too many requests; `Retry-After` tells when to come again.",
  500: "Something went wrong in the service.",
  503: "The database is away. `database_unavailable`, `not_stored`: nothing was stored, try again; `unsure`: it may have been, and the message says what to do.",
};

const REQUEST_ID_EXAMPLE = "0c6fd1f5-6ba4-4a1c-9a5d-1d0f8a6f2a55";
/** The header of every answer. */
export const REQUEST_ID_HEADER = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

// What else an error says in its headers.
const HEADERS: Record<number, JsonObject> = {
  401: {
    "WWW-Authenticate": { description: "`Bearer`: a key is needed.", schema: { type: "string" } },
  },
  405: { Allow: { description: "The methods that can be taken.", schema: { type: "string" } } },
  429: { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } },
};

/** The errors of an operation that has these of its own. */
export function operationErrors(own: readonly ErrorCode[]): JsonObject {
  return Object.fromEntries(
    byStatus([...COMMON_ERRORS, ...own]).map(([status, statusCodes]) => [
      status,
      own.some((code) => statusCodes.includes(code))
        ? errorResponse(status, statusCodes)
        : { $ref: `#/components/responses/Error${status}` },
    ]),
  );
}

/** The answers that any operation may give, for `components`. */
export function errorResponses(): JsonObject {
  return Object.fromEntries(
    byStatus(COMMON_ERRORS).map(([status, codes]) => [
      `Error${status}`,
      errorResponse(status, codes),
    ]),
  );
}

function byStatus(codes: readonly ErrorCode[]): [number, ErrorCode[]][] {
  const found = new Map<number, ErrorCode[]>();
  for (const code of codes)
    found.set(ERROR_STATUS[code], [...(found.get(ERROR_STATUS[code]) ?? []), code]);
  return [...found].sort(([a], [b]) => a - b);
}

function errorResponse(status: number, codes: readonly ErrorCode[]): JsonObject {
  const text = STATUS_TEXT[status] ?? "An error.";
  return {
    description: `${text} Codes: ${codes.join(", ")}.`,
    headers: { ...REQUEST_ID_HEADER, ...HEADERS[status] },
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/Error" },
        example: { message: text, code: codes.at(-1), request_id: REQUEST_ID_EXAMPLE },
      },
    },
  };
}

/** The one shape of every error. */
export function errorSchema(): JsonObject {
  return {
    type: "object",
    required: ["message", "code", "request_id"],
    properties: {
      message: { type: "string", description: "What was found, and what to do." },
      code: {
        type: "string",
        description: "What went wrong; a later version may have more of these.",
        examples: Object.keys(ERROR_STATUS),
      },
      request_id: {
        type: "string",
        description: "The answer's `X-Request-Id`; the service's log has it, too.",
      },
      issues: {
        type: "array",
        items: { $ref: "#/components/schemas/Issue" },
      },
    },
  };
}

/** What is wrong with one field. */
export function issueSchema(): JsonObject {
  return {
    type: "object",
    required: ["path", "message"],
    properties: {
      path: {
        type: "string",
        description: "Dotted, like `events.0.type`; empty for the whole body.",
      },
      message: { type: "string" },
    },
  };
}
