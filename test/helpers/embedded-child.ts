// A service of its own process, as far as its database goes: prints one line when it has it, stops on SIGTERM.
import { createLog } from "../../src/kernel/log.ts";
import { startEmbedded } from "../../src/database/embedded.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as {
  dataDir: string;
  share?: boolean;
  durable?: boolean;
};

try {
  const database = await startEmbedded({ durable: false, ...options, log: createLog("error") });
  const { url, adopted } = database;
  process.on("SIGINT", () => process.stdout.write("draining\n"));
  process.once("SIGTERM", () => void database.stop().then(() => process.exit(0)));
  process.stdout.write(`${JSON.stringify({ url, adopted })}\n`);
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: (error as Error).message })}\n`);
  process.exitCode = 1;
}
