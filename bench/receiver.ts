// The receiver, as those who run a figure see it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createAuthority, createCertificate } from "../test/helpers/certificates.ts";
import { message, start, stop } from "./children.ts";
import type { Percentiles } from "./report.ts";

export const SIGNATURE_KEY = "the-signature-key-of-the-bench";

/** Under this domain every name leads to the receiver, by the bench's own name server. */
export const DOMAIN = "receivers.test";

export type Behaviour = { delayMs?: number; silent?: string[]; cut?: string[] };
/** Which paths are meant, or all; and how many should have come: those that did not are late without limit. */
export type Timed = { paths?: string[] | undefined; expected?: number };
export type Question =
  { ask: "reset" | "count" } | ({ ask: "behave" } & Behaviour) | ({ ask: "latencies" } & Timed);
/** `at` is when this was told, `lastAt` when the last request came, `lastNewPathAt` when a path was last asked for the first time. */
export type Answer = {
  requests: number;
  unique: number;
  forged: number;
  firstAt: number;
  lastAt: number;
  lastNewPathAt: number;
  at: number;
  /** The most requests that one path had open at once; those that are answered at once are not counted. */
  mostOpen: number[];
  timed: Percentiles | null;
};

export type Receiver = {
  pid: number;
  url: string;
  securePort: number;
  /** A file with the authority that signed its certificate. */
  authority: string;
  reset(): Promise<unknown>;
  behave(behaviour: Behaviour): Promise<unknown>;
  count(): Promise<Answer>;
  /** Of what was meant to be published since the last reset. */
  latencies(which: Timed): Promise<Percentiles>;
  stop(): Promise<void>;
};

export async function startReceiver(): Promise<Receiver> {
  const folder = mkdtempSync(join(tmpdir(), "posthorn-bench-tls-"));
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const authority = createAuthority("the bench");
  const pair = createCertificate(authority, [`*.${DOMAIN}`]);
  const child = start(
    new URL("./children/receiver.ts", import.meta.url),
    SIGNATURE_KEY,
    file("key", pair.key),
    file("cert", pair.cert),
  );
  const { port, securePort } = await message<{ port: number; securePort: number }>(child);
  let last: Promise<unknown> = Promise.resolve(); // one question at a time: an answer does not say of which it is
  const ask = (question: Question) => {
    const answer = last.then(() => {
      const answered = message<Answer>(child);
      child.send(question);
      return answered;
    });
    last = answer.catch(() => {});
    return answer;
  };
  return {
    pid: child.pid!,
    url: `http://127.0.0.1:${port}`,
    securePort,
    authority: file("authority.pem", authority.pem),
    reset: () => ask({ ask: "reset" }),
    behave: (behaviour) => ask({ ask: "behave", ...behaviour }),
    count: () => ask({ ask: "count" }),
    latencies: async (which) => {
      const { timed } = await ask({ ask: "latencies", ...which });
      if (!timed) throw new Error("the receiver did not answer what it was asked");
      return timed;
    },
    async stop() {
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
