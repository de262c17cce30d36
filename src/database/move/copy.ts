// Copies a tenant's rows from one cell into another, in the target's transaction: all of them are there when that commits, or none.
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

import type pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";

import { StartError } from "../../kernel/errors.ts";
import { makePartitionsNamed } from "../partitions.ts";
import { quoted } from "../transfer/tables.ts";
import { literal, MOVED, type MovedTable } from "./tables.ts";

export type Copying = {
  tenant: string;
  /** Hears of each piece that has gone through. */
  copied: (table: string, bytes: number) => void;
  /** Breaks it off. */
  signal: AbortSignal;
};

/** Makes the days in the target that the source has and it has not; outside of any transaction. */
export async function makeDays(source: pg.ClientBase, target: pg.ClientBase): Promise<void> {
  const [wanted, there] = [await partitionsOf(source), new Set(await partitionsOf(target))];
  await makePartitionsNamed(
    target,
    wanted.filter((name) => !there.has(name)),
  );
}

async function partitionsOf(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_inherits as i
     join pg_catalog.pg_class as c on c.oid = i.inhrelid and c.relkind = 'r'
     where c.relnamespace = to_regnamespace('posthorn')`,
  );
  return rows.map(({ name }) => name);
}

/** Copies all of a tenant as of one moment. Both clients are in a transaction. Answers how many rows. */
export async function copyTenant(
  source: pg.Client,
  target: pg.Client,
  copying: Copying,
): Promise<number> {
  let rows = 0;
  for (const table of MOVED) rows += await copyTable(source, target, table, copying);
  await makeRoutes(target, copying.tenant);
  return rows;
}

async function copyTable(
  source: pg.Client,
  target: pg.Client,
  { name, of, replaces, butColumn }: MovedTable,
  { tenant, copied, signal }: Copying,
): Promise<number> {
  const [columns, there] = [await columnsOf(source, name), await columnsOf(target, name)];
  if (columns.toSorted().join() !== there.toSorted().join())
    throw new StartError(
      `the two cells' schemas differ in posthorn.${name}: let this version's posthorn migrate run on both`,
    );
  const list = columns
    .filter((column) => column !== butColumn)
    .map(quoted)
    .join(", ");
  const into = replaces ? `pg_temp.coming_${name}` : `posthorn.${name}`;
  if (replaces)
    await target.query(
      `create temporary table coming_${name} (like posthorn.${name}) on commit drop`,
    );
  const from = source.query(
    copyTo(`copy (select ${list} from posthorn.${name} where ${of(literal(tenant))}) to stdout`),
  );
  const to = target.query(copyFrom(`copy ${into} (${list}) from stdin`));
  const meter = new Transform({
    transform(piece: Buffer, _encoding, done) {
      copied(name, piece.length);
      done(null, piece);
    },
  });
  await pipeline(from, meter, to, { signal });
  if (replaces) await replaceBy(target, name, list);
  return to.rowCount;
}

async function replaceBy(target: pg.Client, name: string, columns: string): Promise<void> {
  const { rows: key } = await target.query<{ name: string }>(
    `select a.attname::text as name from pg_catalog.pg_index as i
     join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
     where i.indisprimary and i.indrelid = to_regclass($1)`,
    [`posthorn.${name}`],
  );
  const same = key.map(({ name: column }) => `t.${quoted(column)} = c.${quoted(column)}`);
  await target.query(
    `delete from posthorn.${name} as t using pg_temp.coming_${name} as c where ${same.join(" and ")}`,
  );
  await target.query(
    `insert into posthorn.${name} (${columns}) select ${columns} from pg_temp.coming_${name}`,
  );
}

async function columnsOf(client: pg.ClientBase, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select attname::text as name from pg_catalog.pg_attribute
     where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
    [`posthorn.${table}`],
  );
  return rows.map(({ name }) => name);
}

// As src/store/routes.ts does for each.
async function makeRoutes(client: pg.ClientBase, tenant: string): Promise<void> {
  await client.query(
    `insert into posthorn.routes (tenant, type_pattern, channel, webhook_id)
     select w.tenant, pattern, channel, w.webhook_id
     from posthorn.webhooks as w,
       unnest(case when w.events = '{}' then '{*}' else w.events end) as pattern,
       unnest(case when w.channels = '{}' then array[''] else w.channels end) as channel
     where w.tenant = $1 and w.status = 'Subscribed' and w.deleted_at is null
     on conflict do nothing`,
    [tenant],
  );
}
