// `posthorn listen` as a real process, with real deliveries.
import { randomBytes } from "node:crypto";
import net from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { PRESETS, type NamedPreset } from "../../src/presets/index.ts";
import { buildRequest } from "../../src/presets/build.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { afterwards, posthorn, type Running } from "../helpers/process.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({ POSTHORN_HTTP: "always" });
  post = caller(service);
});
afterAll(() => service.stop());

async function listening(...args: string[]): Promise<Running & { url: string }> {
  const receiver = await posthorn(["listen", "--port", "0", ...args]);
  const [, url = ""] = /^Receiving on (\S+) /.exec(await receiver.line(/^Receiving on/)) ?? [];
  return Object.assign(receiver, { url });
}

async function subscribe(url: string, settings: object): Promise<string> {
  const { body } = await post("webhooks.subscribe", { url, ...settings }).expect(200);
  afterwards(() => post("webhooks.delete", { id: body.id }).then());
  return body.id;
}

const publish = async (payload: object = { text: "Hello" }): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload }).expect(200)).body.id;

describe("a delivery is printed as verified", () => {
  test.each(Object.keys(PRESETS) as NamedPreset[])(
    "in the preset %s, told from what arrives",
    async (preset) => {
      const key = PRESETS[preset].generateKey(randomBytes);
      const receiver = await listening("--key", key);
      await subscribe(receiver.url, { preset, signature_key: key });
      const id = await publish();
      const type = preset === "svix" ? "of no known type" : "message\\.created"; // svix sends the payload alone
      expect(await receiver.line(/evt_/)).toMatch(
        new RegExp(`^\\d\\d:\\d\\d:\\d\\d  ✓ verified  ${id}  ${type}  attempt 1, answered 200$`),
      );
      await receiver.line(/^ {4}"text": "Hello"$/);
      expect(receiver.stdout).not.toContain("\u001b"); // no terminal, no colours
      expect(receiver.stdout + receiver.stderr).not.toContain(key);
    },
  );

  test("under either of several keys", async () => {
    const receiver = await listening("--key", "old", "--key", "new", "--preset", "airy");
    for (const signature_key of ["old", "new"]) await subscribe(receiver.url, { signature_key });
    await publish();
    await until(
      () => Promise.resolve(receiver.stdout),
      (text) => text.split("✓ verified").length === 3,
    );
  });
});

describe("a delivery is printed with the reason why not:", () => {
  test.each([
    ["another key", ["--key", "mine"], { signature_key: "theirs" }, /^ {2}signature_mismatch: /],
    ["no key at the sender", ["--key", "mine"], {}, /^ {2}missing_signature: /],
    [
      "another preset",
      ["--key", "mine", "--preset", "airy"],
      { signature_key: "mine", preset: "aimessage" },
      /^ {2}missing_signature: /,
    ],
  ])("%s", async (_what, args, settings, why) => {
    const receiver = await listening(...args);
    await subscribe(receiver.url, settings);
    const id = await publish();
    expect(await receiver.line(/evt_/)).toContain(`✗ not verified  ${id}`);
    await receiver.line(why);
  });

  test("sent too long ago", async () => {
    const key = PRESETS.standard.generateKey(randomBytes);
    const receiver = await listening("--key", key);
    const event = { id: "evt_old", type: "a.b", timestamp: new Date(0), payload: "1" };
    const facts = { keys: [key], attempt: 1, sentAt: new Date(0) };
    const { headers, body } = buildRequest(PRESETS.standard, event, facts);
    await fetch(receiver.url, { method: "POST", headers, body: new Uint8Array(body) });
    await receiver.line(/^ {2}timestamp_out_of_tolerance: /);
  });
});

test("without a key nothing is checked, and it says so", async () => {
  const receiver = await listening();
  expect(receiver.stdout).toContain("Signatures are not checked; --key <key> checks them.");
  await subscribe(receiver.url, { signature_key: "secret" });
  const id = await publish();
  expect(await receiver.line(/evt_/)).toContain(`not checked  ${id}`);
});

test("the status it is told to answer is what the sender gets, so that retries can be watched", async () => {
  const receiver = await listening("--status", "503");
  await subscribe(receiver.url, { retry_schedule_s: [1] });
  const id = await publish();
  await receiver.line(new RegExp(`${id} .* attempt 1, answered 503$`));
  await receiver.line(new RegExp(`${id} .* attempt 2, answered 503$`));
});

test("a body larger than any delivery's is refused, and so is anything but POST; it goes on", async () => {
  const receiver = await listening();
  const large = await fetch(receiver.url, { method: "POST", body: "x".repeat(1024 * 1024 + 1) });
  expect(large.status).toBe(413);
  await receiver.line(/refused with 413/);
  const got = await fetch(receiver.url);
  expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
  const { hostname, port } = new URL(receiver.url);
  const cut = net.connect(Number(port), hostname, () => {
    cut.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf", () => cut.destroy());
  });
  const next = await fetch(receiver.url, { method: "POST", body: '{"type":"a.b","data":1}' });
  expect(next.status).toBe(200);
  await receiver.line(/a\.b/);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s ends it with 0", async (signal) => {
  const receiver = await listening();
  await (await fetch(receiver.url, { method: "POST", body: "{}" })).arrayBuffer(); // leaves a connection open
  receiver.kill(signal);
  expect(await receiver.exited).toEqual({ code: 0, signal: null });
});

describe("a start that can't go on says why in one line:", () => {
  test.each([
    [2, ["--status", "99"], /^posthorn: .*--status.*a whole number from 200 to 599 is needed\.$/],
    [2, ["--port", "65536"], /^posthorn: .*--port.*a whole number from 0 to 65535 is needed\.$/],
    [2, ["--preset", "air"], /^posthorn: .*--preset.*airy, standard/],
    [2, ["--preset", "standard", "--key", "s3cret"], /^posthorn: --key: is not the base64 of 24 /],
    [
      1,
      ["--host", "192.0.2.1"],
      /^posthorn: --host: 192\.0\.2\.1 is not an address of this machine$/,
    ],
  ])("and exits with %d: listen %j", async (code, args, said) => {
    const receiver = await posthorn(["listen", "--port", "0", ...args]);
    expect(await receiver.exited).toEqual({ code, signal: null });
    expect(receiver.stderr.trimEnd()).toMatch(said);
    expect(receiver.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(receiver.stderr).not.toContain("s3cret");
  });

  test("and exits with 1: the port is taken", async () => {
    const { port } = new URL((await listening()).url);
    const second = await posthorn(["listen", "--port", port]);
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(/^posthorn: --port: \d+ on 127\.0\.0\.1 is in use; choose /);
  });
});
