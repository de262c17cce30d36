// null for a field that may be left out: what an answer shows can be sent as it is.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { z } from "zod";

import { createClient } from "../../src/client/index.ts";
import { SAMPLE_SETTINGS } from "../../src/presets/custom.ts";
import { OPERATIONS, type Operation } from "../../src/rpc/router.ts";
import { caller, type Call } from "../helpers/api.ts";
import { fieldsOf } from "../helpers/fields.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

/** Where null has a meaning of its own: it clears. Of what is made anew, cleared is as good as left out, but for the key. */
const OF_A_WEBHOOK = [
  ...["name", "headers", "signature_key", "events", "channels", "preset"],
  "preset_settings",
  ...["retry_schedule_s", "timeout_ms", "rate_limit_per_s", "order"],
  ...["external_id", "metadata"],
];
const CLEARS: Record<string, string[]> = {
  "webhooks.subscribe": OF_A_WEBHOOK,
  "webhooks.subscribe_many": OF_A_WEBHOOK.map((name) => `webhooks.0.${name}`),
  "webhooks.update": ["url", ...OF_A_WEBHOOK],
  "event_types.create": ["description", "schema", "example"],
  "event_types.update": ["description", "schema", "example"],
  "keys.create": ["expires_at"],
};

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
});
afterAll(() => service.stop());

function optionalFields(operation: Operation): string[][] {
  const optional = fieldsOf(operation).filter(({ isOptional }) => isOptional);
  expect(optional.filter(({ takesNull }) => takesNull === false)).toEqual([]);
  return optional.map(({ path }) => path);
}

/** Objects that a sample leaves out, and that have fields. */
const NOT_IN_SAMPLES: Record<string, unknown> = { preset_settings: SAMPLE_SETTINGS };

/** A request's sample with a value at that path, or without what is there. */
function sampleWith({ meta }: Operation, path: string[], value?: null): unknown {
  const sample = structuredClone(meta.request);
  const [name = "", ...way] = path.toReversed();
  const parent = way.reduceRight(
    (node, key) => (node[key] ??= structuredClone(NOT_IN_SAMPLES[key])) as Node,
    sample as Node,
  );
  if (value === undefined) Reflect.deleteProperty(parent, name);
  else parent[name] = value;
  return sample;
}
type Node = { [key: string]: unknown };

/** What a request is found not to be valid for; undefined where it is, whatever else it is answered. */
async function refusalOf(operation: Operation, request: unknown): Promise<string | undefined> {
  const { body } = await post(operation.name, request);
  return body.code === "invalid_request" ? body.message : undefined;
}

const parsed = ({ input }: Operation, value: unknown) =>
  JSON.stringify((input as z.ZodType).parse(value));

describe.each([...OPERATIONS.values()].filter((operation) => optionalFields(operation).length > 0))(
  "$name",
  (operation) => {
    test("takes null for every field that may be left out, and reads it as left out unless it clears", async () => {
      const clearing: string[] = [];
      for (const path of optionalFields(operation)) {
        const withNull = sampleWith(operation, path, null);
        if (parsed(operation, withNull) !== parsed(operation, sampleWith(operation, path)))
          clearing.push(path.join("."));
        const refusal = await refusalOf(operation, withNull);
        if (`${operation.name} ${path.join(".")}` === "webhooks.update url")
          expect(refusal).toMatch(/^url: can't be cleared/);
        else expect(refusal).toBe(await refusalOf(operation, sampleWith(operation, path)));
      }
      expect(clearing.sort()).toEqual([...(CLEARS[operation.name] ?? [])].sort());
    });
  },
);

test("a subscribe with null for all that may be left out is one of the URL alone", async () => {
  const url = "http://127.0.0.1:9/";
  const operation = OPERATIONS.get("webhooks.subscribe")!;
  const nulls = Object.fromEntries(optionalFields(operation).map(([name = ""]) => [name, null]));
  const answer = async (body: object) => {
    const { id, created_at, updated_at, ...rest } = (
      await post("webhooks.subscribe", body).expect(200)
    ).body;
    expect([id, created_at, updated_at]).not.toContain(undefined);
    return rest;
  };
  expect(await answer({ url, ...nulls })).toEqual(await answer({ url }));
});

test("an event as events.info answers it can be published again as it is", async () => {
  const { id } = (await post("events.publish", { type: "message.created", payload: null })).body;
  const { type, payload, channel, timestamp } = (await post("events.info", { id })).body;
  expect(channel).toBeNull();
  const again = await post("events.publish", { type, payload, channel, timestamp }).expect(200);
  expect((await post("events.info", { id: again.body.id })).body).toMatchObject({
    ...{ type, payload, channel, timestamp },
  });
  const many = { events: [{ type, payload, channel, timestamp, idempotency_key: null }] };
  await post("events.publish_many", many).expect(200);
});

test("a page's next_cursor can be passed on while there is one, and when there is none begins anew", async () => {
  const { pagination_data } = (await post("event_types.list", { page_size: 200 })).body;
  expect(pagination_data.next_cursor).toBeNull();
  const again = await post("event_types.list", { cursor: pagination_data.next_cursor });
  expect(again.status).toBe(200);
});

test("posthorn/client takes null for them, too", async () => {
  const posthorn: ReturnType<typeof createClient> = createClient({
    url: service.url,
    apiKey: service.adminKey,
  });
  const { pagination_data } = await posthorn.events.list.query({ cursor: null, page_size: null });
  expect(pagination_data.next_cursor).toBeNull();
  const event = { type: "message.created", payload: 1, channel: null, timestamp: null };
  expect(await posthorn.events.publish.mutate(event)).toMatchObject({ duplicate: false });
  // @ts-expect-error what is needed can't be null
  await expect(posthorn.events.info.query({ id: null })).rejects.toThrow("id");
  const none = { webhook_id: null, status: null } satisfies Parameters<
    typeof posthorn.deliveries.list.query
  >[0];
  await posthorn.deliveries.list.query(none);
});
