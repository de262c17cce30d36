// webhooks.subscribe_many: a list of subscribes, all of them or none, each fault named by its place in the list.
import type { Transaction } from "kysely";

import type { Schema } from "../database/schema.ts";
import { invalid, PosthornError, type Issue } from "../kernel/errors.ts";
import { sliced } from "../kernel/slices.ts";
import {
  awaitTurn,
  findIdsByExternalId,
  lockWebhooks,
  type WebhookRow,
} from "../store/webhooks.ts";
import { checkInput, checkUrl, judgeEvents, listKnownTypes } from "./check.ts";
import { refuseHeld } from "./labels.ts";
import { checkPreset } from "./check-preset.ts";
import { moveRows, warnOfTenant, type WebhooksContext } from "./operations.ts";
import { changeWebhook, createWebhooks, newWebhook, refuseTooMany, type Saved } from "./save.ts";
import type { SubscribedMany, SubscribeManyInput } from "./subscribe-many-schema.ts";
import { keyChange, subscribedSettings, type Settings } from "./settings.ts";

const ROUTES_MAX = 100_000; // types by channels, of all together: ten webhooks of the widest filter, a thousand of a hundred each

type Item = SubscribeManyInput["webhooks"][number];
type Judged = { item: Item; settings: Settings; warnings: string[] };
type Done = Saved & { created: boolean };

/** Subscribes all of them in one transaction or, where one is refused, none. A dry run does the same, and undoes it. */
export async function subscribeMany(
  context: WebhooksContext,
  { webhooks: items, dry_run: isDryRun = false }: SubscribeManyInput,
): Promise<SubscribedMany> {
  const { store } = context;
  const judged = await judge(context, items);
  const work = async (trx: Transaction<Schema>) => {
    await awaitTurn(trx, store.tenant);
    const outcome = await subscribeAll(context, trx, judged);
    if (isDryRun) throw new Undone(outcome);
    return outcome;
  };
  const outcome = await store.db
    .transaction()
    .execute(work)
    .catch((error: unknown) => {
      if (error instanceof Undone) return error.outcome;
      throw error;
    });
  if (!isDryRun) for (const webhookId of outcome.changed) await moveRows(store, webhookId);
  return present(judged, outcome.done, isDryRun);
}

type Outcome = { done: Done[]; changed: number[] };

class Undone extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super("a dry run");
    this.outcome = outcome;
  }
}

// What each says by itself, and beside the others of the list.
async function judge(
  { store, urlPolicy }: WebhooksContext,
  items: readonly Item[],
): Promise<Judged[]> {
  const known = await listKnownTypes(store);
  const ofTenant = await warnOfTenant(store);
  const faults = createFaults();
  const seen = { id: new Map<string, number>(), external_id: new Map<string, number>() };
  const rest = sliced();
  const judged: Judged[] = [];
  let routes = 0;
  for (const [index, item] of items.entries()) {
    await rest();
    faults.at(index, () => {
      for (const name of ["id", "external_id"] as const) refuseTwice(seen[name], name, item, index);
      checkInput(item);
      const asked = subscribedSettings(item);
      checkPreset(asked);
      const settings = { ...asked, url: checkUrl(asked.url, asked, urlPolicy) };
      routes += Math.max(1, asked.events.length) * Math.max(1, asked.channels.length);
      const warnings = judgeEvents(store.reach, known, asked.events);
      judged.push({ item, settings, warnings: [...warnings, ...ofTenant] });
    });
  }
  faults.end();
  if (routes > ROUTES_MAX)
    throw invalid(
      "webhooks",
      `their events by their channels are ${routes} routes together, and ${ROUTES_MAX} can be made at once; send fewer webhooks at a time`,
    );
  return judged;
}

function refuseTwice(
  seen: Map<string, number>,
  name: "id" | "external_id",
  item: Item,
  index: number,
): void {
  const value = item[name];
  if (value === undefined || value === null) return;
  const before = seen.get(value);
  if (before !== undefined)
    throw invalid(name, `is that of webhooks.${before}, too: each webhook is named once`);
  seen.set(value, index);
}

// Those that are there are changed first: one may give up the external id that a new one takes.
async function subscribeAll(
  context: WebhooksContext,
  trx: Transaction<Schema>,
  judged: readonly Judged[],
): Promise<Outcome> {
  const { store, webhooksMax } = context;
  const faults = createFaults();
  const ids = judged.flatMap(({ item }) => item.id ?? []);
  const there = new Map((await lockWebhooks(trx, store.reach, ids)).map((row) => [row.id, row]));
  const done = new Map<number, Done>();
  const changed: number[] = [];
  for (const [index, { item, settings }] of judged.entries()) {
    const current = there.get(item.id ?? "");
    if (!current) continue;
    await faults.at(index, async () => {
      const wanted = { settings, key: keyChange(item), endsDisablement: true };
      const saved = await changeWebhook(store, trx, current, wanted);
      done.set(index, { ...saved, created: false });
      if (saved.row !== current) changed.push(current.webhook_id);
    });
  }
  const made = await createRest(context, trx, judged, { there, faults });
  faults.end();
  await refuseTooMany(store, trx, { more: made.length, webhooksMax });
  const rows = new Map(
    (
      await createWebhooks(
        store,
        trx,
        made.map(({ wanted }) => wanted),
      )
    ).map((saved) => [saved.row.id, saved]),
  );
  for (const { index, wanted } of made) {
    const saved = rows.get(wanted.row.id);
    if (!saved) throw new Error("another webhook took the id, though it was this one's turn");
    done.set(index, { ...saved, created: true });
  }
  return { done: judged.flatMap((_, index) => done.get(index) ?? []), changed };
}

// What is to be made, judged by what is there already.
async function createRest(
  { store }: WebhooksContext,
  trx: Transaction<Schema>,
  judged: readonly Judged[],
  { there, faults }: { there: ReadonlyMap<string, WebhookRow>; faults: Faults },
) {
  const rest = judged.map((each, index) => ({ ...each, index }));
  const made = rest.filter(({ item }) => !there.has(item.id ?? ""));
  const externalIds = made.flatMap(({ settings }) => settings.external_id ?? []);
  const holders = await findIdsByExternalId(trx, store.tenant, externalIds);
  return made.flatMap(({ index, item, settings }) => {
    const wanted: { index: number; wanted: ReturnType<typeof newWebhook> }[] = [];
    faults.at(index, () => {
      refuseHeld(store.reach, holders, { id: item.id, externalId: settings.external_id });
      const key = keyChange(item);
      wanted.push({ index, wanted: newWebhook(store, { id: item.id, settings, key }) });
    });
    return wanted;
  });
}

type Faults = ReturnType<typeof createFaults>;

/** Gathers what is wrong with items; `end` throws it all as one error, with each one's place. */
function createFaults() {
  const issues: Issue[] = [];
  let first: PosthornError | undefined;
  const keep = (index: number, error: unknown) => {
    if (!(error instanceof PosthornError) || error.retryAfterS !== undefined) throw error;
    first ??= error;
    const own = error.issues ?? [{ path: "", message: error.message }];
    for (const { path, message } of own)
      issues.push({
        path: path === "" ? `webhooks.${index}` : `webhooks.${index}.${path}`,
        message,
      });
  };
  function at(index: number, work: () => Promise<void>): Promise<void>;
  function at(index: number, work: () => void): void;
  function at(index: number, work: () => void | Promise<void>): void | Promise<void> {
    try {
      const result = work();
      return result?.catch((error: unknown) => keep(index, error));
    } catch (error) {
      keep(index, error);
    }
  }
  return {
    at,
    end() {
      const [issue] = issues;
      if (!first || !issue) return;
      const more = issues.length > 1 ? ` (and ${issues.length - 1} more, see issues)` : "";
      throw new PosthornError(first.code, `${issue.path}: ${issue.message}${more}`, { issues });
    },
  };
}

function present(
  judged: readonly Judged[],
  done: readonly Done[],
  isDryRun: boolean,
): SubscribedMany {
  const data = done.map(({ row, created, generatedKey }, index) => ({
    id: row.id,
    created,
    ...(generatedKey !== undefined && { signature_key: generatedKey }),
    warnings: judged[index]?.warnings ?? [],
  }));
  const created = data.filter((each) => each.created).length;
  return { data: isDryRun ? [] : data, created, replaced: data.length - created };
}
