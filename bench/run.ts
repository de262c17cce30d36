// npm run bench: measures each group of figures in turn and prints its table.
//   --only <name>   one group, or several: --only claim --only idle
//   --quick         seconds in place of minutes, to try the bench itself; its figures mean nothing
//   --rounds <n>    for every group, in place of its own number
//   --history <n>  so many finished deliveries are stored before, in place of a million
//   --write         also writes tables and pictures into docs/
import { parseArgs } from "node:util";

import { stopAll } from "./children.ts";
import { GROUPS } from "./groups.ts";
import { createFigures, figureTable } from "./report.ts";
import { machine } from "./machine.ts";
import { buildStage, clear } from "./stage.ts";
import { write } from "./write.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    history: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const unknown = flags.only.filter((name) => !(name in GROUPS));
if (unknown.length > 0)
  throw new Error(
    `no figures named ${unknown.join(", ")}; there are ${Object.keys(GROUPS).join(", ")}`,
  );

const startedAt = performance.now();
const elapsed = () => `${Math.round((performance.now() - startedAt) / 1_000)} s`;
const stage = await buildStage(
  flags.quick,
  flags.history === undefined ? undefined : Number(flags.history),
);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void end().finally(() => process.exit(1)));
const provenance = `${machine(stage.database.version)}, \`${["npm run bench --", ...process.argv.slice(2)].join(" ")}\``;
console.log(`${provenance}\nset up in ${elapsed()}`);
try {
  for (const [name, group] of Object.entries(GROUPS)) {
    if (flags.only.length > 0 && !flags.only.includes(name)) continue;
    const figures = createFigures();
    const rounds = Number(flags.rounds ?? (flags.quick ? 1 : group.rounds));
    console.log(`\n## ${group.title} (${name})\n`);
    try {
      for (let round = 0; round < rounds; round++) {
        await clear(stage);
        await group.run({ ...stage, ...figures, round });
      }
    } catch (error) {
      // The others are still worth measuring.
      console.error(error);
      process.exitCode = 1;
      await stopAll(stage.receiver.pid);
      await clear(stage);
      continue;
    }
    const page = `${group.about}\n\n${figureTable(figures.all())}`;
    console.log(`${page}\n\n${rounds} rounds, after ${elapsed()}`);
    const charts = group.charts?.(figures) ?? {};
    if (flags.write) await write(name, `${page}\n\n${provenance}, ${rounds} rounds.`, charts);
  }
} finally {
  await end();
}

async function end(): Promise<void> {
  await stopAll();
  await stage.receiver.stop();
  await stage.database.stop();
}
