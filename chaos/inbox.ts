// The harness's side of the receiver.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What the receiver can be told; `value` is a port, or how many. */
export type Order = {
  order: "up" | "down" | "count" | "fail_first_of" | "report";
  value?: number;
};

/** What it answers to each order; `events` to a report. */
export type Arrivals = {
  unique: number;
  /** The greatest `n` that has come for each tenant, by the path. */
  newest: Record<string, number>;
  port: number;
  /** Why requests were no genuine webhooks. */
  wrong: string[];
  /** When each event was taken with a 200, each time. */
  events?: Taken[];
};

/** An event, by which webhook, and each time that it came. */
export type Taken = { id: string; path: string; at: number[] };

export type Inbox = {
  url: string;
  tell(order: Order["order"], value?: number): Promise<Arrivals>;
  /** Comes back at the port it had. */
  up(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts the receiver; it takes what is signed with `key`, and answers after `answerMs`. */
export async function startInbox(key: string, answerMs: number): Promise<Inbox> {
  const child = fork(
    fileURLToPath(new URL("receiver.ts", import.meta.url)),
    [key, String(answerMs)],
    { execArgv: ["--import", "tsx"], serialization: "advanced" },
  );
  let last: Promise<unknown> = Promise.resolve();
  async function ask(order: Order): Promise<Arrivals> {
    child.send(order);
    const [answer] = (await once(child, "message")) as [Arrivals];
    return answer;
  }
  const tell: Inbox["tell"] = (order, value) => {
    const answer = last.then(() => ask({ order, ...(value !== undefined && { value }) }));
    last = answer;
    return answer;
  };
  const { port } = await tell("up");
  return {
    url: `http://127.0.0.1:${port}/`,
    tell,
    up: async () => {
      await tell("up", port);
    },
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
