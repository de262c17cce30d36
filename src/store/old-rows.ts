// Rows that nothing points to any more, once the retention has passed their end.
import type pg from "pg";

import { move } from "../queue/move.ts";

// What ended before the oldest day that is there can have nothing of that day or a later one point to it, but for what was
// still in flight: hence a day more. By the tables' names, since a day whose detaching failed may come back.
const OVER = `
  over as (
    select least(
      now() - $2::integer * interval '1 day',
      min(to_timestamp(right(c.relname, 8) || ' 00:00:00+00', 'YYYYMMDD HH24:MI:SSTZH'))
    ) - interval '1 day' as before
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'posthorn'
    where c.relkind = 'r' and c.relname ~ '^(events|finished_deliveries|attempts)_p\\d{8}$'
  )`;

const WEBHOOKS = `
  with ${OVER},
  gone as (
    delete from posthorn.webhooks where webhook_id = any (array(
      select w.webhook_id from posthorn.webhooks as w
      where w.deleted_at < (select before from over) and not exists (
        select from posthorn.deliveries as d
        where d.bucket = 0 and d.webhook_id = w.webhook_id and d.webhook_id > 0
        offset 0
      )
      order by w.deleted_at limit $1 for update skip locked
    ))
    returning webhook_id
  ),
  states as (delete from posthorn.webhook_states where bucket = 0 and webhook_id = any (array(select webhook_id from gone))),
  counts as (delete from posthorn.counters where bucket = 0 and webhook_id = any (array(select webhook_id from gone))),
  deltas as (delete from posthorn.counter_deltas where bucket = 0 and webhook_id = any (array(select webhook_id from gone))),
  replays as (delete from posthorn.replays where bucket = 0 and webhook_id = any (array(select webhook_id from gone))),
  versions as (delete from posthorn.webhook_versions where webhook_id = any (array(select webhook_id from gone))),
  changes as (delete from posthorn.webhook_changes where webhook_id = any (array(select webhook_id from gone)))
  select from gone`;

// Before the versions, since they point to them.
const CHANGES = `
  with ${OVER}
  delete from posthorn.webhook_changes where (webhook_id, change) in (
    select webhook_id, change from posthorn.webhook_changes
    where valid_until < (select before from over)
    order by valid_until limit $1 for update skip locked
  )`;

const VERSIONS = `
  with ${OVER}
  delete from posthorn.webhook_versions where (webhook_id, version) in (
    select webhook_id, version from posthorn.webhook_versions
    where valid_until < (select before from over)
    order by valid_until limit $1 for update skip locked
  )`;

const REPLAYS = `
  with ${OVER}
  delete from posthorn.replays where (bucket, tenant, id) in (
    select bucket, tenant, id from posthorn.replays
    where bucket = 0 and finished_at < (select before from over)
    order by finished_at limit $1 for update skip locked
  )`;

const ERASURES = `
  with ${OVER}
  delete from posthorn.erasures where (tenant, event_id) in (
    select tenant, event_id from posthorn.erasures
    where event_id < posthorn.lowest_uuid_at((select before from over)) and erased_at < (select before from over)
    order by tenant, event_id limit $1 for update skip locked
  )`;

const PORTALS = `
  with ${OVER},
  gone as (
    delete from posthorn.keys where id = any (array(
      select id from posthorn.keys where is_portal and expires_at < (select before from over)
      order by expires_at limit $1 for update skip locked
    ))
    returning id
  ),
  links as (delete from posthorn.portal_links where key_id = any (array(select id from gone)))
  select from gone`;

const KINDS = { WEBHOOKS, CHANGES, VERSIONS, REPLAYS, ERASURES, PORTALS };

/**
 * Lets go of deleted webhooks, versions of settings, replays, erasures and portal sessions that are over for longer than the retention and that
 * nothing kept points to. Answers how many of the kind that had most.
 */
export async function forgetOld(pool: pg.Pool, retentionD: number): Promise<number> {
  const counts: number[] = [];
  for (const [name, text] of Object.entries(KINDS))
    counts.push(await move(pool, `forget old ${name.toLowerCase()}`, text, retentionD));
  return Math.max(...counts);
}
