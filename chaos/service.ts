// The service, as it is installed: real processes of dist/cli/index.js.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../dist/cli/index.js", import.meta.url));
const LINES_KEPT = 20;

export type Role = "serve" | "api" | "worker";

export type Service = {
  role: Role;
  url: string;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
  /** The last lines that it logged above info. */
  complaints: string[];
};

/** A command that runs. */
export type Command = Pick<Service, "kill" | "exited"> & {
  /** What it has said on stderr. */
  said: string[];
};

/** Runs a command of the same program. */
export function runCommand(args: readonly string[], env: Record<string, string>): Command {
  const { stdout, ...command } = run(args, env);
  stdout.resume();
  return command;
}

function run(args: readonly string[], env: Record<string, string>) {
  const { PATH = "", HOME = "", TMPDIR } = process.env;
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: "/", // so that no .env of somebody's is read
    env: { PATH, HOME, ...(TMPDIR !== undefined && { TMPDIR }), PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal ?? code ?? 0));
  });
  const kill = (signal: NodeJS.Signals) => void child.kill(signal);
  return { stdout: child.stdout, said, exited, kill };
}

/** Starts the service in a role; resolves once it says that it is ready. */
export async function startService(role: Role, env: Record<string, string>): Promise<Service> {
  const { stdout, said, exited, kill } = run([role], env);
  const complaints: string[] = [];
  const heard = (line: string) => {
    if (complaints.push(line) > LINES_KEPT) complaints.shift();
  };
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: stdout }).on("line", (line) => {
      if (!line.includes('"level":"info"')) heard(line);
      const ready = /"url":"([^"]+)".*"msg":"ready"/.exec(line)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    void exited.then((code) =>
      reject(
        new Error(
          `${role} ended with ${code} before it was ready:\n${[...complaints, ...said].join("\n")}`,
        ),
      ),
    );
  });
  return { role, url, kill, exited, complaints };
}
