// What is made for each delivery and each request has one shape: else V8 looks up its members the slow way (decision 0063).
import { expect, test } from "@jest/globals";
import express from "express";
import { request } from "undici";

import { judgeExchange, type Outcome } from "../../src/delivery/outcome.ts";
import { settlementOf } from "../../src/delivery/settlement.ts";
import { listen } from "../../src/http/listen.ts";
import type { ClaimedDelivery } from "../../src/queue/claim.ts";
import { closing, startEgress } from "../helpers/egress.ts";
import { startRecorder } from "../helpers/receivers.ts";
import { haveOneShape } from "../helpers/shapes.ts";

const delivery: ClaimedDelivery = {
  id: "018f4d2e-0000-7000-8000-000000000001",
  fence: 1,
  tenant: "acme",
  event_id: "018f4d2e-0000-7000-8000-000000000002",
  webhook_id: 1,
  webhook_version: "018f4d2e-0000-7000-8000-000000000003",
  proven: true,
  attempts_made: 0,
  crashes: 0,
  sequence: 1,
  lane: null,
  startable_ms: null,
};

test("an exchange", async () => {
  const recorder = closing(await startRecorder());
  const { post } = startEgress();
  expect(await haveOneShape(() => post(recorder.url))).toBe(true);
});

test("a settlement, and its attempt", async () => {
  const recorder = closing(await startRecorder());
  const { post } = startEgress();
  const exchange = await post(recorder.url);
  const settle = () => {
    const outcome: Outcome = judgeExchange(exchange, () => true, 0);
    const made = { outcome, keyVersion: 1, signature: "s", bodySha256: "00", traceparent: null };
    return settlementOf(made, {
      delivery,
      target: { version: delivery.webhook_version, scheduleS: [], secrets: undefined },
      startedAt: new Date(0),
      endedAt: new Date(1),
      worker: "w",
      isOwnEvent: false,
      random: () => 0,
    });
  };
  expect(await haveOneShape(settle)).toBe(true);
  expect(await haveOneShape(() => settle().attempt)).toBe(true);
});

test("a request to the api, and its answer", async () => {
  let seen: { request: object; response: object } | undefined;
  const app = express().use((asked, response) => {
    seen = { request: asked, response };
    response.end();
  });
  const server = closing(await listen(app, "127.0.0.1", 0));
  const ask = async (which: "request" | "response") => {
    await (await request(server.url)).body.dump();
    return seen![which];
  };
  expect(await haveOneShape(() => ask("request"))).toBe(true);
  expect(await haveOneShape(() => ask("response"))).toBe(true);
});
