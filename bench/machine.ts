// Where and on what a run was made.
import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

/** The machine, the versions and the commit, as one reads them under a table. */
export function machine(postgres: number): string {
  const [cpu] = cpus();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  return (
    `${cpus().length} × ${cpu?.model.trim() ?? "?"}, ${memoryGb} GB, Node ${process.version}, ` +
    `PostgreSQL ${postgres} (the embedded one, durable), commit ${commit()}`
  );
}

function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync("git", args).toString().trim();
    const isDirty = git("status", "--porcelain", "--", "src", "db", "bench") !== "";
    return git("rev-parse", "--short", "HEAD") + (isDirty ? " with changes" : "");
  } catch {
    return "unknown";
  }
}
