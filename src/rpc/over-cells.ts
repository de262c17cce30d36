// What is answered over several databases: each is asked as if it were the only one, and their answers become one. Those that are
// away are named.
import { setTimeout as sleep } from "node:timers/promises";

import { SECOND } from "../kernel/duration.ts";
import { PosthornError, type ErrorCode } from "../kernel/errors.ts";
import type { Places } from "../kernel/lists.ts";
import { callerError } from "./errors.ts";
import { merge, type Answer, type AskedOfAll } from "./merges.ts";

/** After the first answer: one that can be worked with needs milliseconds, and a dashboard asks every few seconds. */
const LATE_MS = 3 * SECOND;

/** A database that is to be asked. */
export type AskedCell<Context> = {
  name: string;
  /** Null where it can't be worked with. */
  context: Context | null;
  /** Where the page stands that was made with this context. */
  page: () => Places | undefined;
};

/**
 * Asks each cell, and answers for all. That a thing is not found in one says nothing where another has it; where none that answers
 * has it, and one is away, nobody knows.
 */
export async function overCells<Context, Result extends { data: unknown }>(
  asked: AskedOfAll,
  cells: readonly AskedCell<Context>[],
  ask: (context: Context) => Promise<Result>,
): Promise<Result> {
  const lost: ErrorCode = asked.type === "mutation" ? "unsure" : "database_unavailable";
  const replies = await repliesOf(cells, ask, lost);
  const answered = replies.filter((reply) => reply.kind === "answered");
  const away = replies.filter((reply) => reply.kind === "away");
  const names = away.map(({ cell }) => cell.name);
  const [first, ...rest] = answered;
  if (first) {
    const answerOf = ({ cell, result: { data } }: typeof first): Answer => ({
      cell: cell.name,
      data,
      page: cell.page(),
    });
    const answers = [answerOf(first), ...rest.map(answerOf)] as const;
    const ownCell = () => Promise.race([asked.ownCell(), sleep(LATE_MS, null, { ref: false })]);
    return { ...first.result, data: await merge(answers, { ...asked, ownCell }, names) };
  }
  const lacking = replies.find((reply) => reply.kind === "lacks");
  const unsure = away.find(({ error }) => error.code === "unsure") ?? away[0];
  if (!unsure) throw lacking?.error ?? new Error("no cell was asked");
  if (!lacking) throw unsure.error;
  throw new PosthornError(
    unsure.error.code,
    `no cell that answers has it, and where it may be is away (${names.join(", ")}); ask again when that is back`,
    { cause: unsure.error },
  );
}

type Reply<Context, Result> = { cell: AskedCell<Context> } & (
  | { kind: "answered"; result: Result }
  | { kind: "lacks"; error: PosthornError }
  | { kind: "away"; error: PosthornError }
);

// Whoever is late is as good as away: what it answers then is let go.
async function repliesOf<Context, Result>(
  cells: readonly AskedCell<Context>[],
  ask: (context: Context) => Promise<Result>,
  lost: ErrorCode,
): Promise<Reply<Context, Result>[]> {
  const asked = cells.map((cell) => ({ cell, reply: replyOf(cell, ask) }));
  const heard = asked.map(async ({ reply }) => {
    if ((await reply).kind === "away") throw new Error("away");
  });
  const end = new AbortController();
  const late = Promise.any(heard)
    .then(() => sleep(LATE_MS, undefined, { signal: end.signal }))
    .catch(() => {}); // ended, or all are away, which each of them says
  try {
    return await Promise.all(
      asked.map(({ cell, reply }) =>
        Promise.race([
          reply,
          late.then(() => ({ cell, kind: "away" as const, error: awayError(cell.name, lost) })),
        ]),
      ),
    );
  } finally {
    end.abort();
  }
}

async function replyOf<Context, Result>(
  cell: AskedCell<Context>,
  ask: (context: Context) => Promise<Result>,
): Promise<Reply<Context, Result>> {
  if (cell.context === null)
    return { cell, kind: "away", error: awayError(cell.name, "database_unavailable") };
  try {
    return { cell, kind: "answered", result: await ask(cell.context) };
  } catch (thrown) {
    const error = callerError(thrown);
    if (error.status === 503) return { cell, kind: "away", error };
    if (error.status === 404) return { cell, kind: "lacks", error };
    throw error;
  }
}

const awayError = (name: string, code: ErrorCode) =>
  new PosthornError(code, `the cell ${name} is away or too slow; try again`);
