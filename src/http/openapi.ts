// openapi.yaml, made from the router: whatever validates a request also describes it.
import { stringify } from "yaml";

import { ERROR_STATUS, type ErrorCode } from "../kernel/errors.ts";
import { TENANT_PATTERN } from "../kernel/fields.ts";
import { VERSION } from "../kernel/version.ts";
import { OVER_TENANTS } from "../rpc/over-tenants.ts";
import { OPERATIONS, type Operation } from "../rpc/router.ts";
import { describeReceivers } from "./openapi-webhooks.ts";
import { describeSchema } from "./openapi-schema.ts";

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

const LINK_ERRORS: readonly ErrorCode[] = ["link_used"];

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
  503: "The database is away. `database_unavailable`: nothing was stored, try again; `unsure`: it may have been, and the message says what to do.",
};

const REQUEST_ID_EXAMPLE = "0c6fd1f5-6ba4-4a1c-9a5d-1d0f8a6f2a55";
const REQUEST_ID_HEADER = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

// What else an error says in its headers.
const HEADERS: Record<number, JsonObject> = {
  401: {
    "WWW-Authenticate": { description: "`Bearer`: a key is needed.", schema: { type: "string" } },
  },
  405: { Allow: { description: "The methods that can be taken.", schema: { type: "string" } } },
  429: { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } },
};

const NOUNS: Record<string, string> = {
  webhooks: "Subscriptions: where to send, what, and how.",
  events: "What happened: published here, or by `posthorn.publish` in SQL.",
  event_types: "What can be published, with its JSON Schema.",
  deliveries: "Events on their way to webhooks, with every attempt.",
  keys: "API keys: what each may do, for which tenant, and until when.",
  replays: "Sending again what was published, as it goes on.",
  session: "Who asks: what the key may do, and how the service is set.",
  portal: "A page for customers: links to it, and sessions.",
  tenants: "Whose things there are, and how they fare.",
  find: "What an id, a key, a name, a channel or a type is.",
  stats: "What became of deliveries, by time: counts and latencies.",
};

/** The description of the API as YAML, OpenAPI 3.1. */
export function openapiYaml(): string {
  return stringify(openapiDocument(), {
    aliasDuplicateObjects: false,
    lineWidth: 100,
    schema: "yaml-1.1",
  });
}

function openapiDocument(): JsonObject {
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const operation of OPERATIONS.values()) {
    paths[`/${operation.name}`] = { post: describeOperation(operation, schemas) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Posthorn",
      version: VERSION,
      description:
        "Webhooks sent out of your Postgres. Every operation is a POST with a JSON body. A field that may be left out may also be null, which is the same, except where null clears: in an update, and as the `signature_key` of a subscribe.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: ".", description: "This service." }], // where this file lies: under a proxy's path too
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: Object.entries(NOUNS).map(([name, description]) => ({ name, description })),
    paths,
    webhooks: describeReceivers(),
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
      parameters: {
        Tenant: {
          name: "X-Tenant",
          in: "header",
          description: "The tenant that an admin key acts for; `default` unless named.",
          schema: { type: "string", pattern: TENANT_PATTERN.source },
        },
        Tenants: {
          name: "X-Tenant",
          in: "header",
          description:
            "The tenant that an admin key acts for; `default` unless named. `*` is all of them.",
          schema: { type: "string", pattern: `${TENANT_PATTERN.source}|^\\*$` },
        },
      },
      headers: {
        RequestId: {
          description:
            "The request's own `X-Request-Id`, where that is 1 to 128 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`; else a new one.",
          schema: { type: "string" },
        },
      },
      schemas: { ...sorted(schemas), Error: errorSchema(), Issue: issueSchema() },
      responses: errorResponses(),
    },
  };
}

function describeOperation(
  { name, meta, input, output }: Operation,
  schemas: JsonObject,
): JsonObject {
  const [noun = ""] = name.split(".");
  return {
    operationId: name.replace(".", "_"),
    tags: [noun],
    summary: meta.summary,
    description: `${meta.description ?? meta.summary + "."} ${keysOf(meta)}`,
    ...(meta.isOpen
      ? { security: [{}] }
      : {
          parameters: [
            {
              $ref: `#/components/parameters/${OVER_TENANTS.includes(name) ? "Tenants" : "Tenant"}`,
            },
          ],
        }),
    requestBody: {
      required: true, // no body is an empty one, but clients in Go would send null for it
      content: {
        "application/json": {
          schema: describeSchema(input, "input", schemas),
          example: meta.request,
        },
      },
    },
    responses: {
      200: {
        description: "Done.",
        headers: REQUEST_ID_HEADER,
        content: {
          "application/json": {
            schema: describeSchema(output, "output", schemas),
            example: meta.response,
          },
        },
      },
      ...operationErrors([...(meta.errors ?? []), ...(meta.isOpen ? LINK_ERRORS : [])]),
    },
  };
}

function keysOf({ isOpen, scopes, inPortal }: Operation["meta"]): string {
  if (isOpen) return "Without a key.";
  const ofSome = inPortal === "whole" ? ", but those of some webhooks" : "";
  const portal = inPortal === undefined ? "" : ` Portal sessions${ofSome} too.`;
  return `Keys of scope ${scopes.join(", ")}.${portal}`;
}

function operationErrors(own: readonly ErrorCode[]): JsonObject {
  return Object.fromEntries(
    byStatus([...COMMON_ERRORS, ...own]).map(([status, statusCodes]) => [
      status,
      own.some((code) => statusCodes.includes(code))
        ? errorResponse(status, statusCodes)
        : { $ref: `#/components/responses/Error${status}` },
    ]),
  );
}

function errorResponses(): JsonObject {
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

function errorSchema(): JsonObject {
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

function issueSchema(): JsonObject {
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

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => a.localeCompare(b)));
}
