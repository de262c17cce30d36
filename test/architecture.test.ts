import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "@jest/globals";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LINES_MAX = 300;

/**
 * Who may import whom, in src: a folder's own files, and those of the folders named. Files that stand in src itself
 * wire the rest, and with those of src/service and src/cli may import anything; nothing may import them.
 */
const MAY_IMPORT: Record<string, string[]> = {
  kernel: [],
  presets: [],
  verify: ["presets"], // a receiver's bundle holds nothing else
  publish: [], // runs in somebody else's program, with his driver alone
  client: ["rpc"], // types alone, see below
  egress: ["kernel"],
  config: ["kernel", "egress", "database"], // the form of what leads there
  // Three rooms, each of which knows those before it: the database itself, the queue in it, the rows of the nouns.
  database: ["kernel", "egress"],
  queue: ["kernel", "database"],
  store: ["kernel", "database", "queue"],
  "event-types": ["kernel", "database", "store"],
  events: ["kernel", "tracing", "database", "store", "event-types", "webhooks", "deliveries"], // what became of them, and where
  webhooks: ["kernel", "presets", "egress", "database", "queue", "store", "event-types"],
  replays: ["kernel", "database", "store", "webhooks"],
  deliveries: ["kernel", "presets", "database", "store", "event-types", "webhooks", "replays"],
  keys: ["kernel", "database", "store"],
  stats: ["kernel", "queue", "store", "webhooks"],
  find: ["kernel", "store"],
  tenants: ["kernel", "store"],
  portal: ["kernel", "store", "webhooks"],
  session: ["kernel", "presets", "store", "webhooks"],
  metrics: ["kernel", "database", "queue"],
  tracing: ["kernel"],
  delivery: ["kernel", "tracing", "presets", "egress", "database", "queue", "store", "event-types"],
  rpc: [
    "kernel",
    "webhooks",
    "events",
    "event-types",
    "deliveries",
    "replays",
    "keys",
    "stats",
    "session",
    "find",
    "tenants",
    "portal",
  ],
  http: ["kernel", "presets", "rpc"], // the presets tell openapi.yaml what receivers get
  receiver: ["kernel", "presets", "verify"],
  ingest: ["kernel"], // publishes over the API, by whatever it is given for that
  dashboard: ["client", "presets"], // a preset shows what will arrive as it will send it
};

/** What wires the rest beside the files of src itself. */
const WIRING = ["cli", "service"];

/** Where alone a package may be imported: to change it, one folder is looked at. */
const PACKAGES: Record<string, string[]> = {
  got: ["egress"],
  undici: ["egress"],
  "ipaddr.js": ["egress"],
  express: ["http"],
  helmet: ["http"],
  "rate-limiter-flexible": ["http"],
  ajv: ["event-types"],
  pino: ["kernel"],
  "prom-client": ["metrics"],
  react: ["dashboard"],
  "@mantine/core": ["dashboard"],
  uplot: ["dashboard"],
  "@opentelemetry/api": ["tracing"],
  pg: ["database", "queue", "store", "kernel"], // the kernel tells a database that is away by the driver's errors
  kysely: ["database", "store"],
  "@nats-io/jetstream": ["ingest"],
  "@nats-io/transport-node": ["ingest"],
  amqplib: ["ingest"],
  kafkajs: ["ingest"],
  "pg-copy-streams": ["database"],
  commander: [], // the command line alone
  "cli-progress": [],
};

type Import = { from: string; to: string; isTypeOnly: boolean };

const files = listFiles("src");
const imports = files.flatMap(importsOf);

test("each folder imports only what the map allows", () => {
  expect(files.map(folderOf).filter((folder) => folder !== "" && !(folder in MAY_IMPORT))).toEqual(
    [],
  );
  const strangers = imports.filter(({ from, to }) => {
    if (!to.startsWith("src/")) return false;
    const [here, there] = [folderOf(from), folderOf(to)];
    return here !== "" && here !== there && !MAY_IMPORT[here]?.includes(there);
  });
  expect(strangers.map(asText)).toEqual([]);
});

test("in src itself stand the index, the configuration and the service alone", () => {
  const loose = files.filter((file) => file.split("/").length === 2);
  expect(loose).toEqual(["src/config.ts", "src/index.ts", "src/service.ts"]);
});

test("posthorn/client imports nothing of ours but types", () => {
  const ours = imports.filter(
    ({ from, to }) => folderOf(from) === "client" && to.startsWith("src/"),
  );
  expect(ours.filter(({ isTypeOnly }) => !isTypeOnly).map(asText)).toEqual([]);
});

test("posthorn/publish imports no package", () => {
  const others = imports.filter(
    ({ from, to }) => folderOf(from) === "publish" && !to.startsWith("src/"),
  );
  expect(others.map(asText)).toEqual([]);
});

test.each(Object.entries(PACKAGES))("%s is imported where the map says alone", (name, folders) => {
  const elsewhere = imports.filter(
    ({ from, to, isTypeOnly }) =>
      (to === name || to.startsWith(`${name}/`)) &&
      !isTypeOnly &&
      !["", ...folders].includes(folderOf(from)),
  );
  expect(elsewhere.map(asText)).toEqual([]);
});

test("no file imports itself by way of others", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file)) return;
    done.add(file);
    for (const { from, to } of imports) if (from === file) visit(to, [...path, file]);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test(`no file of src has more than ${LINES_MAX} lines`, () => {
  expect(files.filter((file) => read(file).split("\n").length > LINES_MAX)).toEqual([]);
});

describe.each(["src", "test"])("in %s", (folder) => {
  // Put together, so that this file is judged too.
  const marks = new RegExp(
    [String.raw`\.(skip|only)\(`, ["TO", "DO"].join(""), ["FIX", "ME"].join("")].join("|"),
  );

  test("no test is switched off, and nothing is left to be done", () => {
    expect(listFiles(folder).filter((file) => marks.test(read(file)))).toEqual([]);
  });
});

function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .sort();
}

function importsOf(from: string): Import[] {
  const statements = read(from).matchAll(
    /^(?:import|export)\s(?<type>type\s)?(?:[^;"']*?\sfrom\s)?"(?<to>[^"]+)"|\bimport\("(?<dynamic>[^"]+)"\)/gm,
  );
  return [...statements].map(({ groups = {} }) => {
    const name = groups["to"] ?? groups["dynamic"] ?? "";
    const to = name.startsWith(".") ? relative(ROOT, join(ROOT, dirname(from), name)) : name;
    return { from, to, isTypeOnly: groups["type"] !== undefined };
  });
}

/** `src/database/embedded/run.ts` → `database`; a file of those that wire is in "". */
function folderOf(file: string): string {
  const parts = file.split("/");
  const folder = parts.length > 2 ? (parts[1] ?? "") : "";
  return WIRING.includes(folder) ? "" : folder;
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function asText({ from, to }: Import): string {
  return `${from} imports ${to}`;
}
