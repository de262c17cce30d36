// One table of error codes, one error class with two texts: what the caller reads, and the cause that only the log sees.

/** Every `code` an answer can carry, with its HTTP status. `docs/errors.md` lists the same. */
export const ERROR_STATUS = {
  invalid_request: 400,
  invalid_cursor: 400,
  unknown_event_type: 400,
  payload_does_not_fit_schema: 400,
  unauthorized: 401,
  link_used: 401,
  forbidden: 403,
  unknown_operation: 404,
  webhook_not_found: 404,
  event_not_found: 404,
  event_type_not_found: 404,
  delivery_not_found: 404,
  key_not_found: 404,
  replay_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  idempotency_conflict: 409,
  event_type_exists: 409,
  external_id_taken: 409,
  webhook_unsubscribed: 409,
  sending_held: 409,
  payload_gone: 409,
  delivery_finished: 409,
  too_many_webhooks: 409,
  too_many_event_types: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  expectation_failed: 417,
  rate_limited: 429,
  headers_too_large: 431,
  internal_error: 500,
  database_unavailable: 503,
  not_stored: 503,
  unsure: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** One thing wrong with a request: `path` is dotted (`events.0.type`), empty for the whole body. */
export type Issue = { path: string; message: string };

/** An error whose `message` is meant for the caller: it never holds a secret, a stack or SQL. */
export class PosthornError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly issues: Issue[] | undefined;
  /** When to come again, for the `Retry-After` header. */
  readonly retryAfterS: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { issues?: Issue[] | undefined; retryAfterS?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "PosthornError";
    this.code = code;
    this.status = ERROR_STATUS[code];
    this.issues = options.issues;
    this.retryAfterS = options.retryAfterS;
  }
}

/** A start that can't go on: its message is the one line that the user reads before the exit. */
export class StartError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = "StartError";
  }
}

/** The 401 of a key that is none, or no more. */
export function keyNotValid(cause?: unknown): PosthornError {
  return new PosthornError(
    "unauthorized",
    "the API key is not valid: it is unknown, expired or revoked",
    { cause },
  );
}

/** The 400 for one field of a request. */
export function invalid(path: string, message: string): PosthornError {
  const where = path === "" ? "" : `${path}: `;
  return new PosthornError("invalid_request", `${where}${message}`, {
    issues: [{ path, message }],
  });
}
