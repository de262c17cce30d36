// Schemathesis drives every operation by openapi.yaml alone, and judges the answers by it.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect } from "@jest/globals";

import { MINUTE } from "../../src/kernel/duration.ts";
import { OPERATIONS } from "../../src/rpc/router.ts";
import { samples } from "../../src/rpc/samples.ts";
import { caller } from "../helpers/api.ts";
import { ROOT } from "../helpers/process.ts";
import { testWith } from "../helpers/programs.ts";
import { pythonWith } from "../helpers/python.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const JUDGE = join(ROOT, "test/e2e/schemathesis");
// By chance, of each operation, and the same ones each time; before them its phase of coverage tries the bounds of each field,
// which is most of what it takes.
const EXAMPLES = process.env["SCHEMATHESIS_EXAMPLES"] ?? "60";
const NOWHERE = "http://127.0.0.1:9"; // what it has the service send must not leave this machine

// The checks that can't hold here, each with its reason; all others are made.
const NOT_HERE = [
  // A schema does not say all that a request is judged by: that an id is known, a cursor was given out, a type exists.
  "positive_data_acceptance",
];

const testIf = testWith({ python3: ["-c", "import ensurepip, venv"] });
let service: TestService;
let folder: string; // for what it writes down

beforeAll(async () => {
  service = await startTestService({ POSTHORN_EGRESS_PROXY: NOWHERE }, { role: "api" });
  folder = await mkdtemp(join(tmpdir(), "posthorn-schemathesis-"));
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true });
});

testIf(
  "every operation keeps to openapi.yaml under Schemathesis, and none answers with a 5xx",
  async () => {
    const python = await pythonWith(
      join(JUDGE, "requirements.txt"),
      join(ROOT, ".cache/schemathesis"),
    );
    // Not its own script: that one knows the path of the environment while it was made.
    const program = ["-c", "from schemathesis.cli import schemathesis; schemathesis()"];
    const args = ["run", `${service.url}/openapi.yaml`, "--url", service.url];
    args.push("--header", `Authorization:Bearer ${service.adminKey}`);
    args.push("--checks", "all", "--exclude-checks", NOT_HERE.join());
    args.push("--max-examples", EXAMPLES, "--generation-deterministic");
    args.push("--no-color", "--warnings", "missing_auth,missing_test_data");
    const { code, said } = await run(python, [...program, ...args], await knownIds());
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining("No issues found") });
    expect(said).toMatch(new RegExp(String.raw`Tested: +${OPERATIONS.size}\b`));
  },
  15 * MINUTE,
);

/** Has one of each thing made, and answers its id by that of the example: so the examples have something to find. */
async function knownIds(): Promise<Record<string, string>> {
  const post = caller(service);
  const made = async (operation: string, body: object) =>
    (await post(operation, body).expect(200)).body as Record<string, string>;
  const { webhook, event, eventType, delivery, replay, key, linkToken } = samples;
  await made("webhooks.subscribe", { id: webhook.id, url: webhook.url });
  const published = await made("events.publish", { type: event.type, payload: event.payload });
  const { data } = (await made("deliveries.list", {})) as unknown as { data: [{ id: string }] };
  const replayed = await made("webhooks.replay", { id: webhook.id, since: "2026-01-31T00:00:00Z" });
  const { id } = await made("keys.create", { name: key.name, scope: "read" });
  await made("event_types.create", { name: eventType.name });
  const { url = "" } = await made("portal.create_link", { tenant: "default", scope: "read" });
  return {
    [event.id]: published["id"] ?? "",
    [delivery.id]: data[0].id,
    [replay.id]: replayed["replay_id"] ?? "",
    [key.id]: id ?? "",
    [linkToken]: url.slice(url.indexOf("phl_")),
  };
}

type Said = { code: number | string; said: string };

/** Answers how a program ends and all that it says: its judgement is in there. */
function run(program: string, args: string[], ids: Record<string, string>): Promise<Said> {
  const env = {
    ...process.env,
    IDS: JSON.stringify(ids),
    SCHEMATHESIS_HOOKS: "hooks",
    PYTHONPATH: JUDGE,
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const options = { cwd: folder, env, maxBuffer: 16 * 1024 * 1024, timeout: 14 * MINUTE };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? (error ? "killed" : 0), said: stdout + stderr }),
    );
  });
}
