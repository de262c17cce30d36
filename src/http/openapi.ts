// openapi.yaml, made from the router: whatever validates a request also describes it.
import { stringify } from "yaml";

import { TENANT_PATTERN } from "../kernel/fields.ts";
import { VERSION } from "../kernel/version.ts";
import { OVER_TENANTS } from "../rpc/over-tenants.ts";
import { OPERATIONS, type Operation } from "../rpc/router.ts";
import {
  errorResponses,
  errorSchema,
  issueSchema,
  LINK_ERRORS,
  operationErrors,
  REQUEST_ID_HEADER,
} from "./openapi-errors.ts";
import { describeReceivers } from "./openapi-webhooks.ts";
import { describeSchema } from "./openapi-schema.ts";

type JsonObject = Record<string, unknown>;

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

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => a.localeCompare(b)));
}
