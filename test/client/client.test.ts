import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { TRPCClientError } from "@trpc/client";

import { createClient, type AppRouter } from "../../src/client/index.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
});
afterAll(() => service.stop());
beforeEach(async () => {
  inbox = await startInbox();
});
afterEach(() => inbox.close());

const clientOf = (tenant?: string, url = service.url) =>
  createClient({ url, apiKey: service.adminKey, ...(tenant !== undefined && { tenant }) });

test("answers have the service's own types: what is optional, null or one of a few is so for the compiler", async () => {
  const posthorn = clientOf("types");
  const made = await posthorn.webhooks.subscribe.mutate({ url: inbox.url, preset: "standard" });
  const rotated = await posthorn.webhooks.rotate_key.mutate({ id: made.id, overlap_s: 0 });
  const key: string | undefined = rotated.signature_key;
  const health: "ok" | "failing" | "disabled" = rotated.health;
  const attempt = await posthorn.webhooks.test.mutate({ id: made.id, type: "message.created" });
  const status: number | null = attempt.status;
  // @ts-expect-error null where no answer came: it has to be looked at first
  const always: number = attempt.status;
  // @ts-expect-error there is no such operation
  const unknown: unknown = posthorn.webhooks.tests;
  expect([key?.slice(0, 6), health, status, always]).toEqual(["whsec_", "ok", 200, 200]);
  expect(unknown).toBeDefined(); // a proxy: only the compiler knows what is there
});

test("acts for the tenant that it was made for, and without one for the default", async () => {
  const { id } = await clientOf("mine").webhooks.subscribe.mutate({ url: inbox.url });
  expect((await clientOf("mine").webhooks.info.query({ id })).id).toBe(id);
  for (const other of [clientOf("theirs"), clientOf()])
    await expect(other.webhooks.info.query({ id })).rejects.toThrow("no webhook has the id");
});

test("a refusal says what is wrong in `data`: the service's code, and each field at fault", async () => {
  const refused: unknown = await clientOf()
    .webhooks.subscribe.mutate({ url: "ftp://example.com" })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TRPCClientError);
  const { data } = refused as TRPCClientError<AppRouter>;
  expect(data).toMatchObject({
    httpStatus: 400,
    error_code: "invalid_request",
    issues: [{ path: "url", message: expect.any(String) }],
  });
});

test("a URL may end in a slash, and neither key nor filter is ever part of one", async () => {
  inbox.reply = () => ({
    headers: { "content-type": "application/json" },
    body: '{"result":{"data":{}}}',
  });
  await clientOf("mine", `${inbox.url}/`).webhooks.list.query({ channel: "+15551234567" });
  const [request] = inbox.requests;
  expect(request?.path).toBe("/hook/trpc/webhooks.list");
  expect(request?.headers).toMatchObject({
    authorization: `Bearer ${service.adminKey}`,
    "x-tenant": "mine",
  });
});
