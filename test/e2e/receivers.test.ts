// The example receivers as real programs, and the libraries of other languages, on deliveries of a running service.
import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { MINUTE } from "../../src/kernel/duration.ts";
import { buildRequest } from "../../src/presets/build.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox } from "../helpers/inbox.ts";
import { afterwards, ROOT, run, type Running } from "../helpers/process.ts";
import { testWith, WITHOUT_C } from "../helpers/programs.ts";
import { pythonWith } from "../helpers/python.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const EXAMPLES = join(ROOT, "examples/receivers");
const JUDGES = join(ROOT, "test/e2e/judges");
const CACHE = join(ROOT, ".cache/judges");

const testWithGo = testWith({ go: ["version"] });
// The library's module needs Go 1.21, which is the first to know this flag.
const testWithGo121 = testWith({
  go: ["mod", "edit", "-toolchain=none", "-print", join(JUDGES, "go.mod")],
});
const testWithPython = testWith({
  python3: ["-c", "import sys; assert sys.version_info >= (3, 9)"],
});
const testWithVenv = testWith({ python3: ["-c", "import ensurepip, venv"] });

let service: TestService;
let post: Call;
let folder: string; // for what Go builds
beforeAll(async () => {
  service = await startTestService();
  post = caller(service);
  folder = await mkdtemp(join(tmpdir(), "posthorn-receivers-"));
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true });
});

const subscribe = async (url: string, settings: object): Promise<string> => {
  const { body } = await post("webhooks.subscribe", { url, ...settings }).expect(200);
  afterwards(() => post("webhooks.delete", { id: body.id }).then());
  return body.id;
};
const publish = async (): Promise<string> => {
  const event = { type: "message.created", payload: { text: "Grüße" } };
  return (await post("events.publish", event).expect(200)).body.id;
};

/** Builds a program in Go; its modules, where it has some, are kept in the project's cache. */
async function goBuild(source: string, cwd: string): Promise<string> {
  const program = join(folder, `program-${randomBytes(4).toString("hex")}`);
  const env = {
    ...process.env,
    ...WITHOUT_C,
    GOTOOLCHAIN: "local",
    GOMODCACHE: join(CACHE, "go"),
    GOFLAGS: "-modcacherw",
  };
  await promisify(execFile)("go", ["build", "-o", program, source], { cwd, env });
  return program;
}

const receivers = [
  {
    name: "in Express, with posthorn/verify",
    testIf: test,
    command: () => Promise.resolve([process.execPath, join(EXAMPLES, "express.mjs")]),
  },
  {
    name: "on node:http alone",
    testIf: test,
    command: () => Promise.resolve([process.execPath, join(EXAMPLES, "node-http.mjs")]),
  },
  {
    name: "on Python's standard library alone",
    testIf: testWithPython,
    command: () => Promise.resolve(["python3", join(EXAMPLES, "receiver.py")]),
  },
  {
    name: "on Go's standard library alone",
    testIf: testWithGo,
    command: async () => [await goBuild("receiver.go", EXAMPLES)],
  },
];

describe.each(receivers)("the receiver $name", ({ testIf, command }) => {
  let built: Promise<string[]> | undefined;

  async function start(preset: string, key: string): Promise<Running & { url: string }> {
    const [program = "", ...args] = await (built ??= command());
    const env = { WEBHOOK_KEY: key, WEBHOOK_PRESET: preset, PORT: "0" };
    const receiver = run(program, args, { env });
    const line = await receiver.line(/^receiving on /);
    return Object.assign(receiver, { url: line.slice("receiving on ".length) });
  }

  for (const preset of [PRESETS.airy, PRESETS.standard])
    testIf(
      `takes a delivery in ${preset.name}, and nothing that another key has signed`,
      async () => {
        const key = preset.generateKey(randomBytes);
        const receiver = await start(preset.name, key);
        const id = await subscribe(receiver.url, { preset: preset.name, signature_key: key });
        const eventId = await publish();
        await receiver.line(new RegExp(`^${eventId} genuine message\\.created .*Grüße`));
        const [delivery] = await until(
          async () => (await post("deliveries.list", { event_id: eventId })).body.data,
          ([found]) => found.status !== "pending",
        );
        expect(delivery).toMatchObject({ status: "delivered", attempts_made: 1 });

        await post("webhooks.update", { id, signature_key: preset.generateKey(randomBytes) });
        expect((await post("webhooks.test", { id })).body.status).toBe(400);
        await receiver.line(/^NOT GENUINE/);
        await post("webhooks.update", { id, signature_key: null });
        expect((await post("webhooks.test", { id })).body.status).toBe(400);
      },
      5 * MINUTE,
    );

  testIf(
    "goes on with the old key while a rotation in standard overlaps, and takes no replay",
    async () => {
      const key = PRESETS.standard.generateKey(randomBytes);
      const receiver = await start("standard", key);
      const id = await subscribe(receiver.url, { preset: "standard", signature_key: key });
      await post("webhooks.rotate_key", { id }).expect(200);
      expect((await post("webhooks.test", { id })).body.status).toBe(200);

      const event = { id: "evt_old", type: "a.b", timestamp: new Date(0), payload: "1" };
      const facts = { keys: [key], attempt: 1, sentAt: new Date(0) };
      const { headers, body } = buildRequest(PRESETS.standard, event, facts);
      const replayed = await fetch(receiver.url, {
        method: "POST",
        headers,
        body: new Uint8Array(body),
      });
      expect(replayed.status).toBe(400);
    },
    5 * MINUTE,
  );

  testIf(
    "refuses a body that is larger than any delivery, and goes on",
    async () => {
      const receiver = await start("airy", "secret");
      const body = "x".repeat(1024 * 1024 + 1);
      const status = await fetch(receiver.url, { method: "POST", body }).then(
        (response) => response.status,
        () => 413, // it hung up before all was sent
      );
      expect(status).toBe(413);
      const id = await subscribe(receiver.url, { signature_key: "secret" });
      expect((await post("webhooks.test", { id })).body.status).toBe(200);
    },
    5 * MINUTE,
  );
});

describe("a delivery in standard is genuine to", () => {
  /** What a judge says of a delivery, under its own key and under another. */
  async function judgedBy(command: string[]): Promise<string[]> {
    const key = PRESETS.standard.generateKey(randomBytes);
    const inbox = await startInbox();
    afterwards(() => inbox.close());
    await subscribe(inbox.url, { preset: "standard", signature_key: key });
    await publish();
    const [delivered] = await inbox.arrived(1);
    const [program = "", ...args] = command;
    return [key, PRESETS.standard.generateKey(randomBytes)].map((judged) => {
      const input = JSON.stringify({ ...delivered, key: judged });
      const { stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
      return `${stdout}${stderr}`.trim();
    });
  }
  const verdicts = ["genuine message.created", expect.stringMatching(/^refused /)];

  testWithVenv(
    "PyPI's standardwebhooks",
    async () => {
      const python = await pythonWith(join(JUDGES, "requirements.txt"), CACHE);
      expect(await judgedBy([python, join(JUDGES, "judge.py")])).toEqual(verdicts);
    },
    15 * MINUTE,
  );

  testWithGo121(
    "Go's standard-webhooks",
    async () => {
      expect(await judgedBy([await goBuild(".", JUDGES)])).toEqual(verdicts);
    },
    15 * MINUTE,
  );
});
