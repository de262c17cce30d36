// Payloads are judged before they are stored. Whether there is anything to judge by, the store itself says: so a publish of a
// type without a schema, the usual case, asks the database one question and not two.
import { databaseError } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import type { SharedConnection } from "../database/pools.ts";
import { findEnforcedSchemas, type EnforcedSchema } from "../store/event-types.ts";

const HAS_SCHEMA = "PH412"; // what store_events raises where an event that nobody has judged has a schema to fit
const LISTS_MAX = 100; // of one question
const REMEMBERED_MAX = 10_000; // types with a schema; one forgotten costs its next publish a try in vain

/** Rejects where a payload does not fit. */
export type JudgePayloads = (schemas: readonly EnforcedSchema[]) => Promise<void>;

export type Judging = <Answer>(
  wanted: { tenant: string; types: readonly string[]; judge: JudgePayloads },
  store: (isJudged: boolean) => Promise<Answer>,
) => Promise<Answer>;

/** Creates what stores events of some types, by `store`, after `judge` where that is needed. */
export function createJudging({ db, shares }: Pick<SharedConnection, "db" | "shares">): Judging {
  const withSchema = new Set<string>(); // tenant and type, as last seen
  const schemasOf = createGatherer({
    run: async (tenant, lists: (readonly string[])[]) => {
      const find = () => findEnforcedSchemas(db, tenant, lists.flat());
      const found = await shares.take({ tenant, key: "" }, find);
      return lists.map((types) => found.filter(({ name }) => types.includes(name)));
    },
    itemsMax: LISTS_MAX,
    isRefusal: () => false,
  });

  function remember(tenant: string, types: readonly string[], schemas: readonly EnforcedSchema[]) {
    if (withSchema.size > REMEMBERED_MAX) withSchema.clear();
    for (const type of types) withSchema.delete(`${tenant} ${type}`);
    for (const { name } of schemas) withSchema.add(`${tenant} ${name}`);
  }

  return async ({ tenant, types, judge }, store) => {
    if (!types.some((type) => withSchema.has(`${tenant} ${type}`))) {
      try {
        return await store(false);
      } catch (error) {
        if (databaseError(error)?.code !== HAS_SCHEMA) throw error;
      }
    }
    const schemas = await schemasOf(tenant, types);
    remember(tenant, types, schemas);
    await judge(schemas);
    return store(true);
  };
}
