// One statement, run by whatever the caller's transaction is made of. Told apart by their methods: none of their
// packages is imported, so that whoever publishes installs none but his own.
import type { Statement } from "./statement.ts";

type Id = { id: string };
type Rows = readonly unknown[] | { readonly rows: readonly unknown[] };

/** A client, pool or transaction of pg; TypeORM's manager or query runner; or another whose `query` answers rows. */
type Querying = { query(text: string, values?: unknown[]): Promise<unknown> };
/** Kysely or its transaction. */
type Kysely = { executeQuery(query: never): Promise<unknown> };
/** Drizzle or its transaction. */
type Drizzle = { execute(query: never): PromiseLike<unknown> };
/** Knex or its transaction. */
type Knex = { raw(sql: string, bindings: never): PromiseLike<unknown> };
/** Prisma or the `tx` of its interactive transaction. */
type Prisma = { $queryRawUnsafe(query: string, ...values: never[]): PromiseLike<unknown> };

/** What a statement can be run by. Outside a transaction the event is committed by itself, at once. */
export type Executor = Querying | Kysely | Drizzle | Knex | Prisma;

/** Runs the statement and answers the event's id. */
export async function run(executor: Executor, statement: Statement): Promise<string> {
  const result = (await answerOf(executor, statement)) as Rows;
  const [row] = Array.isArray(result) ? (result as Id[]) : (result as { rows: Id[] }).rows;
  if (row === undefined)
    throw new TypeError("the executor answered no row, so whether it published is not known");
  return row.id;
}

function answerOf(executor: Executor, { parts, values }: Statement): PromiseLike<unknown> {
  const numbered = () => parts.reduce((text, part, n) => `${text}$${n}${part}`);
  if (can(executor, "$queryRawUnsafe"))
    return executor.$queryRawUnsafe(numbered(), ...(values as never[]));
  if (can(executor, "executeQuery"))
    return executor.executeQuery(forKysely(numbered(), values) as never);
  if (can(executor, "execute")) return executor.execute(forDrizzle(numbered(), values) as never);
  if (can(executor, "raw")) return executor.raw(parts.join("?"), values as never);
  if (can(executor, "query")) return executor.query(numbered(), [...values]);
  throw new TypeError(
    "the executor can't run a query: give a client of pg, a transaction of Kysely, Drizzle, Knex, Prisma or TypeORM, or an object with query(text, values)",
  );
}

function can<Name extends string>(
  executor: Executor,
  name: Name,
): executor is Extract<Executor, Record<Name, unknown>> {
  return typeof (executor as Partial<Record<string, unknown>> | null)?.[name] === "function";
}

/** What `CompiledQuery.raw` makes. Plugins know a query by its queryId, the object: so each has one of its own. */
function forKysely(sql: string, parameters: readonly unknown[]) {
  const query = { kind: "RawNode", sqlFragments: [sql], parameters: [] };
  return { sql, parameters, query, queryId: { queryId: "posthorn" } };
}

/** What Drizzle asks of anything that it executes: `getSQL`, and of that the text with its parameters. */
function forDrizzle(sql: string, params: readonly unknown[]) {
  const statement = { getSQL: () => statement, toQuery: () => ({ sql, params }) };
  return statement;
}
