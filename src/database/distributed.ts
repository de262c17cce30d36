// Tables that an extension has spread over several servers.
import type pg from "pg";

import { StartError } from "../kernel/errors.ts";

const IS_CITUS = "select to_regclass('pg_catalog.pg_dist_partition') is not null as is_citus";

const DISTRIBUTED = `
  select c.relname as table from pg_catalog.pg_dist_partition as d
  join pg_catalog.pg_class as c on c.oid = d.logicalrelid
  where c.relnamespace = to_regnamespace('posthorn') order by c.relname limit 1`;

/**
 * Throws a StartError where Citus has distributed our tables: there an insert that meets a key that is stored counts as one that
 * was stored, so that an idempotency key would not hold, and claims fail. On a coordinator with tables as they were made all holds.
 */
export async function refuseDistributed(client: pg.ClientBase): Promise<void> {
  const { rows: found } = await client.query<{ is_citus: boolean }>(IS_CITUS);
  if (found[0]?.is_citus !== true) return;
  const { rows } = await client.query<{ table: string }>(DISTRIBUTED);
  const [distributed] = rows;
  if (distributed)
    throw new StartError(
      `DATABASE_URL: posthorn.${distributed.table} is distributed by Citus, and then idempotency keys don't hold: select undistribute_table('posthorn.${distributed.table}'), and so for all of the schema posthorn`,
    );
}
