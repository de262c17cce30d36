// The command line in this process: what a person types, presses and reads.
import { PassThrough } from "node:stream";

import { EXIT } from "../../src/cli/exit.ts";
import { runCommand } from "../../src/cli/program.ts";
import type { Output, Terminal } from "../../src/cli/terminal.ts";

export type Typed = {
  env?: Record<string, string>;
  /** What is piped in. */
  input?: string;
  /** The lines that are typed, where somebody types; the function is called when the one before has run. */
  lines?: (string | (() => string))[];
  /** What is answered to each question; without it, nobody is there. */
  answer?: (question: string) => boolean;
  /** Whether it is a terminal of 80 columns with colours, and not two pipes. */
  isTerminal?: boolean;
};

export type Command = {
  readonly out: string;
  readonly err: string;
  /** Resolves when what is printed fits; throws where the command ends without it. */
  printed(fits: RegExp): Promise<void>;
  /** Ctrl-C. */
  interrupt(): void;
  code: Promise<number>;
};

/** Starts a command; it runs until it ends, or is interrupted. */
export function type(
  args: readonly string[],
  { env = {}, input = "", lines, answer, isTerminal = false }: Typed = {},
): Command {
  const said = { out: "", err: "" };
  const looks = new Set<() => void>();
  const output = (name: "out" | "err"): Output => {
    const stream = new PassThrough().setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      for (const look of looks) look();
    });
    const terminal = { isTTY: true, columns: 80, hasColors: () => true };
    return Object.assign(stream, isTerminal ? terminal : {});
  };
  const interrupts = new Set<() => void>();
  const terminal: Terminal = {
    env,
    out: output("out"),
    err: output("err"),
    exitCode: EXIT.done,
    readerGone: new AbortController().signal,
    readInput: (bytesMax) => Promise.resolve(input.length > bytesMax ? undefined : input),
    converse: lines
      ? () => ({
          ask(prompt) {
            terminal.err.write(prompt());
            const line = lines.shift();
            return Promise.resolve(typeof line === "function" ? line() : line);
          },
          close: () => {},
        })
      : null,
    confirm: answer ? (question) => Promise.resolve(answer(question)) : null,
    onInterrupt(act) {
      interrupts.add(act);
      return () => interrupts.delete(act);
    },
  };
  const code = runCommand(args, terminal);
  return {
    get out() {
      return said.out;
    },
    get err() {
      return said.err;
    },
    printed: (fits) =>
      new Promise((resolve, reject) => {
        const look = () => fits.test(said.out + said.err) && resolve();
        looks.add(look);
        look();
        void code.then(() => reject(new Error(`it ended without ${fits}: ${said.out}${said.err}`)));
      }),
    interrupt() {
      for (const act of interrupts) act();
    },
    code,
  };
}

/** Runs a command to its end. */
export async function typed(args: readonly string[], options?: Typed) {
  const command = type(args, options);
  const code = await command.code;
  await new Promise((resolve) => setImmediate(resolve)); // what was written last is read
  return { code, out: command.out, err: command.err };
}
