// `posthorn types`: what it prints is TypeScript, which the compiler holds publishers to.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { compile } from "json-schema-to-typescript";

import { typescriptOf } from "../../src/cli/types.ts";
import { MINUTE } from "../../src/kernel/duration.ts";
import { caller, type Call } from "../helpers/api.ts";
import { ROOT } from "../helpers/process.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

let service: TestService;
let call: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  call = caller(service);
});
afterAll(() => service.stop());

const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });

test(
  "payloads of the types printed are held to their schemas by the compiler",
  async () => {
    const money = { $defs: { money: { type: "string" } } };
    const total = { $ref: "#/$defs/money" };
    for (const type of [
      {
        name: "order.created",
        description: "An order */ came in",
        schema: object({ id: { type: "integer" }, total }, { required: ["id"], ...money }),
      },
      { name: "order_created", schema: object({ total }, { required: ["total"], ...money }) },
      { name: "order.gone" },
    ])
      await call("event_types.create", type).expect(200);

    const env = { POSTHORN_URL: service.url, POSTHORN_KEY: service.adminKey };
    const { code, out, err } = await typed(["types"], { env });
    expect([code, err]).toEqual([0, ""]);

    await mkdir(join(ROOT, ".cache"), { recursive: true });
    const folder = await mkdtemp(join(ROOT, ".cache/types-"));
    await writeFile(join(folder, "events.ts"), out);
    await writeFile(
      join(folder, "app.ts"),
      `import { createPublisher, type Executor } from "../../src/publish/index.ts";
     import type { Events } from "./events.ts";

     const { publish } = createPublisher<Events>();
     export const use = (tx: Executor) => [
       publish(tx, { type: "order.created", payload: { id: 1, total: "9.99" } }),
       publish(tx, { type: "order_created", payload: { total: "9.99" } }),
       publish(tx, { type: "order.gone", payload: "whatever" }),
       // @ts-expect-error a schema asks for the id
       publish(tx, { type: "order.created", payload: { total: "9.99" } }),
       // @ts-expect-error and that this is text
       publish(tx, { type: "order_created", payload: { total: 9.99 } }),
       // @ts-expect-error no such type is in the catalogue
       publish(tx, { type: "order.lost", payload: 1 }),
     ];`,
    );
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const modules = ["--module", "nodenext", "--target", "es2022", "--allowImportingTsExtensions"];
    const strict = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--types",
      "node",
      "--ignoreConfig",
    ];
    const { stdout } = await promisify(execFile)(
      tsc,
      [...modules, ...strict, join(folder, "app.ts")],
      { cwd: ROOT },
    ).catch((error: { stdout: string }) => error);
    await rm(folder, { recursive: true });
    expect(stdout).toBe("");
  },
  5 * MINUTE,
); // the compiler's own time

test("a schema that names a file is not followed: its payload is unknown, and that is told", async () => {
  const told: string[] = [];
  const type = {
    name: "a.b",
    description: null,
    schema: { $ref: "file:///etc/hostname" },
    example: null,
    enforce: false,
    created_at: "",
    updated_at: "",
  };
  const text = await typescriptOf([type], compile, (line) => told.push(line));
  expect(text).toContain('"a.b": unknown;');
  expect(told.join("")).toMatch(
    /^a\.b: its schema can't be put in types, so its payload is unknown: /,
  );
});
