// How the answers of several databases become one, operation by operation.
import { mergeFound } from "../find/merge.ts";
import type { FoundThing } from "../find/schema.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import type { Places } from "../kernel/lists.ts";
import { mergePages, type Page, type Part } from "../kernel/merge-pages.ts";
import type { Session } from "../session/schema.ts";
import { mergeStats, mergeWebhook, mergeWebhooks } from "../stats/merge.ts";
import * as stats from "../stats/schema.ts";
import { together } from "../tenants/operations.ts";
import { OVER_TENANTS } from "./over-tenants.ts";

/** What a cell has answered, and where that stands in its list. */
export type Answer = { cell: string; data: unknown; page: Places | undefined };

/** What is asked of all cells. */
export type AskedOfAll = {
  name: string;
  type: string;
  input(): Promise<unknown>;
  /** The cell of the tenant that the caller acts for; null where nobody can tell. */
  ownCell(): Promise<string | null>;
};

type Answers = readonly [Answer, ...Answer[]];
type Merge = (answers: Answers, asked: AskedOfAll) => object | Promise<object>;

const MERGES: Readonly<Record<string, Merge>> = {
  "webhooks.list": pages(),
  "events.list": pages(),
  "deliveries.list": pages(),
  "tenants.list": pages(together),
  "keys.list": pages(),
  "keys.revoke": ([{ data }]) => data as object, // a key lives in one
  find: (answers) => ({
    data: mergeFound(dataOf<{ data: FoundThing[] }>(answers).map(({ data }) => data)),
  }),
  "stats.overview": (answers) => mergeStats(dataOf<stats.Stats>(answers)),
  "stats.webhook": (answers) => mergeWebhook(dataOf<stats.WebhookStats>(answers)),
  "stats.webhooks": async (answers, { input }) => {
    const { ids } = stats.webhooksInput.parse(await input());
    return mergeWebhooks(dataOf<stats.WebhooksStats>(answers), ids);
  },
  "session.info": async (answers, { ownCell }) => {
    const own = await ownCell();
    const its = answers.find(({ cell }) => cell === own);
    const session = (its ?? answers[0]).data as Session;
    return {
      ...session,
      ...(!its && { sending_held: null }), // that it is held in another cell says nothing of this one
      ...(own !== null && { cell: own }),
    };
  },
};

/** Whether a call is answered over all cells: what names no tenant, what is asked of all of them, and what an admin sees first. */
export function isOverCells(
  name: string,
  { scope, tenant }: { scope: string; tenant: string },
): boolean {
  if (scope !== "admin" || !(name in MERGES)) return false;
  return tenant === ALL_TENANTS || !OVER_TENANTS.includes(name);
}

/** Makes one answer, in which those that are away are named. */
export async function merge(
  answers: Answers,
  asked: AskedOfAll,
  away: readonly string[],
): Promise<unknown> {
  const merged = await MERGES[asked.name]?.(answers, asked);
  return away.length > 0 && asked.type === "query" ? { ...merged, away } : merged;
}

const dataOf = <Data>([first, ...rest]: Answers) =>
  [first.data as Data, ...rest.map(({ data }) => data as Data)] as const;

function pages<Item>(bothOf?: (one: Item, other: Item) => Item): Merge {
  const partOf = ({ data, page }: Answer): Part<Item> => {
    if (!page) throw new Error("a page that was not told of");
    return { page: data as Page<Item>, at: page };
  };
  return ([first, ...rest]) => mergePages([partOf(first), ...rest.map(partOf)], bothOf);
}
