// Where a busy worker's time goes: a CPU profile, by whose code it is or was called by.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { startService } from "../children.ts";
import { measureRate, type Rate } from "../rate.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, type Group } from "../stage.ts";

const WINDOW_S = 15;
const GUESS = 8_000; // deliveries a second, for a backlog that lasts

type Node = {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
};
/** Times are µs, by the machine's clock. */
type Profile = { nodes: Node[]; startTime: number; samples: number[]; timeDeltas: number[] };

// The first that fits a frame's file says whose time it is; what fits none belongs to its caller.
const OWNERS: [owner: string, file: RegExp][] = [
  ["undici", /node_modules\/undici\//],
  [
    "got, for its hand-over to undici",
    /node_modules\/(got|@sindresorhus|cacheable|keyv|responselike|http2-wrapper|type-fest)/,
  ],
  ["egress: judging, sockets, the exchange", /^src\/egress\//],
  ["build and sign", /^src\/(presets\/|delivery\/(build|send|record|settlement|outcome|echoes))/],
  ["PostgreSQL's driver", /node_modules\/(pg|pg-[a-z-]+|postgres-[a-z]+)\//],
  ["claim and settle", /^src\/(database|queue|store|delivery|service)/],
  ["the rest of the service", /^src\/|dist\/|node_modules\//],
];

export const profile: Group = {
  title: "Where a worker's time goes",
  about:
    "Shares of the busy time of one worker's main thread under full load, by a CPU profile. Node's own code counts for " +
    "whoever called it; “from the event loop” is what nobody of ours called: sockets that are read and written.",
  rounds: 1,
  async run(scene) {
    const folder = mkdtempSync(join(tmpdir(), "posthorn-bench-profile-"));
    const seconds = scene.seconds(WINDOW_S);
    const count = GUESS * (seconds + 6);
    await publish(scene.database.url, BENCH.tenant, {
      count,
      channels: BENCH.channels,
      payload: payloadOf(1_024),
    });
    const worker = await startService("worker", scene.env, [
      "--cpu-prof",
      `--cpu-prof-dir=${folder}`,
    ]);
    const rate = await measureRate(scene, [worker.pid], { seconds, total: count });
    await worker.stop();
    const [file = ""] = readdirSync(folder);
    const { owners, functions } = sharesOf(
      JSON.parse(readFileSync(join(folder, file), "utf8")),
      rate,
    );
    rmSync(folder, { recursive: true, force: true });
    scene.note("CPU of the worker while it is profiled", rate.cpuUs, "µs a delivery");
    for (const [owner, share] of owners) scene.note(owner, share, "%");
    for (const [name, share] of functions.slice(0, 15))
      scene.note(`\`${name}\` itself`, share, "%");
  },
};

type Shares = [name: string, percent: number][];

function sharesOf(
  { nodes, startTime, samples, timeDeltas }: Profile,
  window: Rate,
): { owners: Shares; functions: Shares } {
  const ownerOf = new Map<number, string>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = (node: Node, inherited: string): void => {
    const owner = special(node) ?? OWNERS.find(([, file]) => file.test(sourceOf(node)))?.[0];
    ownerOf.set(node.id, owner ?? inherited);
    for (const child of node.children ?? []) own(byId.get(child)!, owner ?? inherited);
  };
  own(nodes[0]!, "from the event loop");
  const owners = new Map<string, number>();
  const functions = new Map<string, number>();
  let busy = 0;
  let at = startTime;
  samples.forEach((id, index) => {
    const { callFrame } = byId.get(id)!;
    const us = timeDeltas[index] ?? 0;
    at += us;
    const isInWindow = at > window.from * 1_000 && at < window.to * 1_000;
    if (!isInWindow || callFrame.functionName === "(idle)") return;
    busy += us;
    add(owners, ownerOf.get(id) ?? "?", us);
    const file = sourceOf(byId.get(id)!).split("/").slice(-2).join("/");
    add(functions, `${callFrame.functionName || "(anonymous)"} ${file}`.trim(), us);
  });
  const shares = (times: Map<string, number>): Shares =>
    [...times]
      .map(([name, us]): Shares[number] => [name, (us / busy) * 100])
      .sort((a, b) => b[1] - a[1]);
  return { owners: shares(owners), functions: shares(functions) };
}

const sources = new Map<string, string[]>(); // by the path of a bundle, the file that each of its lines is of

// The command is one file of many; the bundler says in a comment where each begins.
function sourceOf({ callFrame: { url, lineNumber } }: Node): string {
  if (!/\/dist\/cli\/[^/]+\.js$/.test(url)) return url;
  const path = fileURLToPath(url);
  const ofLines = sources.get(path) ?? sourcesIn(readFileSync(path, "utf8"));
  sources.set(path, ofLines);
  return ofLines[lineNumber] || url;
}

function sourcesIn(bundle: string): string[] {
  let file = "";
  return bundle.split("\n").map((line) => {
    file = /^\s*\/\/ ((?:src|node_modules)\/\S+)$/.exec(line)?.[1] ?? file;
    return file;
  });
}

function special({ callFrame }: Node): string | undefined {
  if (callFrame.functionName === "(garbage collector)") return "collecting garbage";
  return callFrame.functionName === "(program)" ? "V8 and Node in C++" : undefined;
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us);
}
