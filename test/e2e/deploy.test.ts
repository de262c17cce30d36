// What a team deploys with, judged without the machines that it is for: Kubernetes' manifests by its own schemas and types,
// compose.yaml by what it sets, systemd's units by what they leave a process. The Dockerfile's steps are run in package.test.ts.
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";

import { SETTINGS } from "../../src/config.ts";
import { ROOT } from "../helpers/process.ts";
import { testWith } from "../helpers/programs.ts";

type Manifest = { apiVersion: string; kind: string; metadata?: { name: string } };

const FOLDER = join(ROOT, "deploy/kubernetes");

async function manifests(): Promise<Manifest[]> {
  const files = (await readdir(FOLDER)).filter((name) => name !== "kustomization.yaml");
  const texts = await Promise.all(files.map((name) => readFile(join(FOLDER, name), "utf8")));
  return texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as Manifest),
  );
}

test("every manifest fits Kubernetes' schema for its kind", async () => {
  const all = await manifests();
  expect(all.length).toBeGreaterThan(8);
  for (const manifest of all) {
    const models = (await import(`kubernetes-models/${manifest.apiVersion}`)) as Record<
      string,
      new (data: Manifest) => { validate(): void }
    >;
    const model = models[manifest.kind];
    if (!model) throw new Error(`no kind ${manifest.kind} in ${manifest.apiVersion}`);
    expect(() => new model(manifest).validate()).not.toThrow();
  }
});

test("no manifest has a field that Kubernetes does not know", async () => {
  const all = await manifests();
  const lines = all.map(
    ({ apiVersion, kind, ...fields }) =>
      `const _${(count += 1)}: import("kubernetes-models/${apiVersion}").I${kind} = ${JSON.stringify({ apiVersion, kind, ...fields })};`,
  );
  await mkdir(join(ROOT, ".cache"), { recursive: true }); // beside the packages, and looked at by nothing else
  const file = join(ROOT, `.cache/manifests-${process.pid}.ts`);
  await writeFile(file, lines.join("\n"));
  const options = ["--noEmit", "--ignoreConfig", "--skipLibCheck", "--strict"];
  const resolution = ["--module", "nodenext", "--moduleResolution", "nodenext"];
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  const { stdout } = await promisify(execFile)(tsc, [...options, ...resolution, file])
    .catch((error: { stdout: string }) => error)
    .finally(() => rm(file));
  expect(stdout).toBe("");
});
let count = 0;

test("kustomization.yaml names every file", async () => {
  const kustomization = parse(await readFile(join(FOLDER, "kustomization.yaml"), "utf8")) as {
    resources: string[];
  };
  const files = (await readdir(FOLDER)).filter((name) => name !== "kustomization.yaml");
  expect(kustomization.resources.toSorted()).toEqual(files.toSorted());
});

async function units(): Promise<string[]> {
  const folder = join(ROOT, "deploy/systemd");
  return Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")));
}

test("each unit tries on for as long as its database is not there", async () => {
  for (const unit of await units())
    for (const line of ["Restart=on-failure", "StartLimitIntervalSec=0"])
      expect(unit.split("\n")).toContain(line);
});

const testConfined = testWith({
  python3: ["-c", "import ctypes; ctypes.CDLL('libseccomp.so.2')"],
});

// What a process asks of the system beyond files and connections: by src/egress/endpoint.ts, of every database that is elsewhere.
testConfined("under each unit a process learns its machine's addresses", async () => {
  const families = (await units()).map(
    (unit) => /^RestrictAddressFamilies=(.*)$/m.exec(unit)?.[1] ?? "",
  );
  const [left = "", ...others] = new Set(families);
  expect([left, others]).toEqual([expect.stringContaining("AF_INET"), []]);
  const confine = (to: string) => [join(ROOT, "test/e2e/address-families.py"), to];
  const ask = [process.execPath, "--eval", "console.log(os.networkInterfaces().lo !== undefined)"];
  const asked = (to: string) => promisify(execFile)("python3", [...confine(to), ...ask]);
  expect((await asked(left)).stdout).toBe("true\n");
  await expect(asked("AF_INET AF_UNIX")).rejects.toThrow("uv_interface_addresses");
});

test("what is deployed with sets only settings that there are", async () => {
  const compose = parse(await readFile(join(ROOT, "compose.yaml"), "utf8")) as {
    services: { posthorn: { environment: object } };
  };
  const inKubernetes = (await manifests())
    .filter(({ kind }) => kind === "ConfigMap" || kind === "Secret")
    .flatMap((manifest) => {
      const { data = {}, stringData = {} } = manifest as { data?: object; stringData?: object };
      return Object.keys({ ...data, ...stringData });
    });
  const known = new Set<string>(Object.keys(SETTINGS));
  const set = [...Object.keys(compose.services.posthorn.environment), ...inKubernetes];
  expect(set.length).toBeGreaterThan(4);
  expect(set.filter((name) => !known.has(name))).toEqual([]);
});
