// Where a command runs: what it reads, where it prints, and whom it can ask.
import { styleText } from "node:util";

import type { ExitCode } from "./exit.ts";

/** A stream that is printed to; one that is a terminal knows its width and whether it shows colours. */
export type Output = NodeJS.WritableStream & {
  isTTY?: boolean;
  columns?: number;
  hasColors?(): boolean;
};

/** All that a command knows of the world beside the service: given, so that a test can be the person. */
export type Terminal = {
  env: NodeJS.ProcessEnv;
  /** What a person or a program came for. */
  out: Output;
  /** What is said meanwhile: questions, progress, what went wrong. */
  err: Output;
  /** What is piped in, to its end; undefined where it is more than `bytesMax`. */
  readInput(bytesMax: number): Promise<string | undefined>;
  /** Asks what is answered with yes or no; null where nobody is there to answer. */
  confirm: ((question: string) => Promise<boolean>) | null;
  /** Reads what a person types; null where nobody does. `interrupt` is called at Ctrl-C. */
  converse: ((interrupt: () => void) => Conversation) | null;
  /** Calls `act` at Ctrl-C, in place of ending; answers how to end that. */
  onInterrupt(act: () => void): () => void;
  /** What the process ends with; a command that did its work, but found something bad, says so here. */
  exitCode: ExitCode;
  /** Aborts when nobody reads any more what is printed. */
  readerGone: AbortSignal;
};

/** Lines that a person types. */
export type Conversation = {
  /** The next line; undefined at the end of what is typed. The prompt is asked for again after Ctrl-C. */
  ask(prompt: () => string): Promise<string | undefined>;
  close(): void;
};

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

const WIDTH_MIN = 20; // a terminal that says less does not know

/** Colours the text where the output shows colours, which NO_COLOR forbids. */
export function painter(output: Output): Paint {
  const seesColours = output.isTTY === true && output.hasColors?.() === true;
  return (style, text) => (seesColours ? styleText(style, text, { validateStream: false }) : text);
}

/** How many characters a line of the output may have; Infinity where it is no terminal, and nothing is cut. */
export function widthOf({ isTTY, columns = 0 }: Output): number {
  return isTTY === true && columns >= WIDTH_MIN ? columns : Infinity;
}

/** The text in so many characters, the last of them telling that there was more. */
export function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}
