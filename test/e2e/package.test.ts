// The package as somebody installs it: packed from this source, with its dependencies and nothing else.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { MINUTE } from "../../src/kernel/duration.ts";
import { VERSION } from "../../src/kernel/version.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { sign } from "../../src/presets/hmac.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { ROOT } from "../helpers/process.ts";
import { startTestService } from "../helpers/service.ts";

const TSC = join(ROOT, "node_modules/.bin/tsc");

let folder: string;
let app: string; // where the package is installed

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "posthorn-package-"));
  app = join(folder, "app");
  await pack(join(folder, "source"));
  await install(join(folder, `posthorn-${VERSION}.tgz`));
}, 5 * MINUTE);
afterAll(() => rm(folder, { recursive: true }));

/** Runs a program to its end and answers its stdout; what it printed is in the error where it fails. */
async function run(
  program: string,
  args: string[],
  cwd = app,
  env: Record<string, string> = {},
): Promise<string> {
  const done = promisify(execFile)(program, args, { cwd, env: { ...process.env, ...env } });
  const { stdout } = await done.catch((error: Error & { stdout?: string }) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  return stdout;
}

const node = async (code: string, env: Record<string, string> = {}) =>
  (await run(process.execPath, ["--input-type=module", "--eval", code], app, env)).trim();

// Built beside the project, whose dist/ other tests are using.
async function pack(source: string): Promise<void> {
  const manifest = join(ROOT, "package.json");
  const { files } = JSON.parse(await readFile(manifest, "utf8")) as { files: string[] };
  for (const name of [
    "package.json",
    "dist/swagger-ui",
    ...files.filter((file) => file !== "dist"),
  ])
    await cp(join(ROOT, name), join(source, name), { recursive: true });
  await run(TSC, ["-p", "tsconfig.build.json", "--outDir", join(source, "dist")], ROOT);
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], source);
}

async function install(tarball: string): Promise<void> {
  await mkdir(app);
  await writeFile(join(app, "package.json"), JSON.stringify({ type: "module", private: true }));
  // The optional dependencies are PostgreSQL itself, which these tests have from elsewhere.
  const options = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"];
  await run("npm", ["install", "--prefer-offline", ...options, tarball]);
}

test("posthorn/verify is there for import and for require, and verifies", async () => {
  const body = Buffer.from('{"type":"a.b","timestamp":0,"payload":1}');
  const signature = sign(PRESETS.airy, ["secret"], { id: "", timestamp: "", body });
  const env = { BODY: body.toString(), SIGNATURE: signature };
  const use = `
    const { BODY, SIGNATURE } = process.env;
    const event = await verifyWebhook(BODY, SIGNATURE, "secret");
    const code = await verifyWebhook(BODY, SIGNATURE, "other").catch((error) =>
      error instanceof SignatureVerificationError && error.code);
    console.log(event.type, code);`;
  const names = "{ SignatureVerificationError, verifyWebhook }";
  expect(await node(`import ${names} from "posthorn/verify";${use}`, env)).toBe(
    "a.b signature_mismatch",
  );
  const required = `const ${names} = createRequire(process.cwd() + "/")("posthorn/verify");${use}`;
  const withRequire = `import { createRequire } from "node:module";${required}`;
  expect(await node(withRequire, env)).toBe("a.b signature_mismatch");
});

test("posthorn/client is there, and calls a service", async () => {
  const service = await startTestService({}, { role: "api" });
  const code = `
    import { createClient } from "posthorn/client";
    const posthorn = createClient({ url: process.env.URL, apiKey: process.env.KEY });
    const { data } = await posthorn.event_types.list.query({ page_size: 1 });
    console.log(data[0].name);`;
  const said = await node(code, { URL: service.url, KEY: service.adminKey });
  await service.stop();
  expect(said).toBe("campaign.completed");
});

test("nothing else of the package can be imported", async () => {
  const code = `console.log(await import("posthorn/dist/store/keys.js").catch(({ code }) => code))`;
  expect(await node(code)).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test.each(["nodenext", "bundler"])(
  "its types hold for a strict compiler, resolving as %s",
  async (how) => {
    await writeFile(
      join(app, "app.ts"),
      `import { createClient, type AppRouter } from "posthorn/client";
     import { verifyWebhook, type SignatureVerificationCode, type VerifiedEvent } from "posthorn/verify";

     const posthorn = createClient({ url: "http://127.0.0.1:8080", apiKey: "key" });
     export async function use(body: string, headers: Headers): Promise<number | null> {
       const event: VerifiedEvent = await verifyWebhook(body, headers, ["new", "old"], { preset: "airy" });
       const webhook = await posthorn.webhooks.info.query({ id: event.id ?? "" });
       const since: string | null = webhook.counters.last_success_at;
       return since === null ? null : (await posthorn.webhooks.test.mutate({ id: webhook.id })).status;
     }
     // @ts-expect-error there is no such preset
     void verifyWebhook("", "", "", { preset: "air" });
     // @ts-expect-error the URL is missing
     void posthorn.webhooks.subscribe.mutate({});
     export const code: SignatureVerificationCode = "signature_mismatch";
     export type Router = AppRouter;
    `,
    );
    const module = how === "bundler" ? "esnext" : how;
    const resolution = ["--module", module, "--moduleResolution", how, "--target", "es2022"];
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
    // The types of packages are theirs to check; whether ours are found is seen by what is expected to fail.
    await run(TSC, ["--noEmit", "--skipLibCheck", ...resolution, ...strict, "app.ts"]);
  },
);

test("the command is there, with its migrations and its description", async () => {
  const posthorn = join(app, "node_modules/.bin/posthorn");
  expect(await run(posthorn, ["--version"])).toBe(`${VERSION}\n`);
  expect(await run(posthorn, ["openapi"])).toBe(await readFile(join(ROOT, "openapi.yaml"), "utf8"));
  const { url, drop } = await createTestDatabase();
  const settings = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: Buffer.alloc(32).toString("base64") };
  await run(posthorn, ["migrate"], app, settings);
  await drop();
});

test("the thread that judges payloads is found where the package is installed", async () => {
  const file = join(app, "node_modules/posthorn/dist/event-types/judging/index.js");
  const code = `
    import { createJudging } from ${JSON.stringify(file)};
    const judging = createJudging({ monotonic: () => performance.now(), log: console });
    const schema = { name: "t", version: "1", schema: { type: "number" } };
    for (const payload of ["1", "{}"])
      console.log((await judging.payload("default", schema, payload)).kind);
    await judging.close();`;
  expect(await node(code)).toBe("fits\nunfit");
});
