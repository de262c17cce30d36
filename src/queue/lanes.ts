// Ordered webhooks: the first delivery of each lane is ready, those behind it are queued.
import type pg from "pg";

const LOOKED_AT_MAX = 1_000; // lanes of one look, some 10 µs each: most are behind a head that waits for its retry
const ADVANCED_MAX = 64; // lanes that one look makes a head for; the next goes on behind them

/** Where a look over all lanes goes on. */
export type LaneCursor = { webhook_id: number; lane: number };

export const FIRST_LANE: LaneCursor = { webhook_id: 0, lane: -1 };

/**
 * Makes the first delivery of free lanes ready, looking at up to 1,000 lanes behind `after`. Answers how many, and the
 * lane to go on behind: null where it came round.
 */
export async function advanceSome(
  pool: pg.Pool,
  after: LaneCursor,
): Promise<{ advanced: number; cutAfter: LaneCursor | null }> {
  const { rows } = await pool.query<{ advanced: number; cutAfter: LaneCursor | null }>({
    name: "advance some",
    text: `
      with recursive scan as (
        (
          select webhook_id, lane, 1 as place from posthorn.deliveries
          where bucket = 0 and state = 3 and (webhook_id, lane) > ($1::bigint, $2::bigint)
          order by webhook_id, lane, id limit 1
        )
        union all
        select following.webhook_id, following.lane, scan.place + 1 from scan cross join lateral (
          select webhook_id, lane from posthorn.deliveries
          where bucket = 0 and state = 3 and (webhook_id, lane) > (scan.webhook_id, scan.lane)
          order by webhook_id, lane, id limit 1
        ) as following
        where scan.place < ${LOOKED_AT_MAX}
      ),
      free as materialized (
        select * from scan
        -- The order names the index: "exists" with an equality would leave the choice open.
        where (
          select head.lane from posthorn.deliveries as head
          where head.bucket = 0 and head.webhook_id = scan.webhook_id and head.lane >= scan.lane and head.state < 2
          order by head.lane limit 1
        ) is distinct from scan.lane
        limit ${ADVANCED_MAX}
      ),
      advanced as (
        select a.advanced
        from (select webhook_id, min(lane) as lane from free group by webhook_id) as first
        cross join lateral posthorn.advance_lanes(first.webhook_id, first.lane - 1, ${ADVANCED_MAX}) as a
      ),
      reached as (select case when count(*) < ${ADVANCED_MAX} then ${LOOKED_AT_MAX} else max(place) end as place from free)
      select (select coalesce(sum(advanced), 0)::integer from advanced) as advanced,
        (select json_build_object('webhook_id', webhook_id, 'lane', lane) from scan
         where place = (select place from reached)) as "cutAfter"`,
    values: [after.webhook_id, after.lane],
  });
  const [row] = rows;
  if (!row) throw new Error("an aggregate without a row");
  return row;
}

/** Makes the next delivery of lanes ready whose head has just finished. Answers how many. */
export async function advanceFreed(
  pool: pg.Pool,
  lanes: readonly { webhook_id: number; lane: number }[],
): Promise<number> {
  const { rows } = await pool.query<{ advanced: number }>({
    name: "advance freed",
    text: `select a.advanced from unnest($1::bigint[], $2::bigint[]) as freed (webhook_id, lane)
      cross join lateral posthorn.advance_lanes(freed.webhook_id, freed.lane - 1, 1) as a`,
    values: [lanes.map(({ webhook_id }) => webhook_id), lanes.map(({ lane }) => lane)],
  });
  return rows.reduce((sum, row) => sum + row.advanced, 0);
}
