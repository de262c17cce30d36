// Whether anything is sent at all: not while it is paused as a whole, and not by a process of another installation, since a
// database that was copied must not call the customers of the one that it was copied from.
import type pg from "pg";

import { inTransaction } from "../database/transaction.ts";

/**
 * In SQL: nothing keeps a process of this installation from sending; null stands for the database's own name. Read by every
 * claim, once, from the few rows of a table that is always in memory.
 */
export const maySend = (installation: string) => `not exists (
    select from posthorn.settings as s
    where s.name = 'paused_since' or s.name = 'installation' and s.value <> coalesce(${installation}::text, current_database()::text)
  )`;

/** In SQL: when sending was last resumed as a whole; null where it never was. */
export const RESUMED_AT = `(select to_timestamp(s.value::float8) from posthorn.settings as s where s.name = 'resumed_at')`;

/** `paused` by `posthorn pause-all`; or it is the database of another installation. */
export const HOLD_REASONS = ["paused", "other_installation"] as const;

/** Why nothing is sent by processes of an installation. */
export type Hold = {
  reason: (typeof HOLD_REASONS)[number];
  /** Since when it is paused. */
  since: Date | null;
  /** Whose database it is, and which installation asks. */
  remembered: string | null;
  here: string;
};

/** Whose database it is, and what keeps an installation from sending, if anything does. */
export type Sending = Omit<Hold, "reason"> & { reason: Hold["reason"] | null };

type Row = { paused_since: Date | null; remembered: string | null; here: string };

const READ = `
  select
    (select to_timestamp(value::float8) from posthorn.settings where name = 'paused_since') as paused_since,
    (select value from posthorn.settings where name = 'installation') as remembered,
    coalesce($1::text, current_database()::text) as here`;

/** Reads whose database it is, and what keeps an installation from sending; another's says so before a pause. */
export async function readSending(
  client: pg.Pool | pg.ClientBase,
  installation: string | null,
): Promise<Sending> {
  const { rows } = await client.query<Row>(READ, [installation]);
  const { paused_since: since = null, remembered = null, here = "" } = rows[0] ?? {};
  const isOther = remembered !== null && remembered !== here;
  const reason = isOther ? "other_installation" : since !== null ? "paused" : null;
  return { reason, since, remembered, here };
}

/** The same, null where nothing keeps it. */
export async function readHold(
  client: pg.Pool | pg.ClientBase,
  installation: string | null,
): Promise<Hold | null> {
  const { reason, ...rest } = await readSending(client, installation);
  return reason && { reason, ...rest };
}

const NOW = "extract(epoch from clock_timestamp())::text";

/** Has nothing more sent, by no process. Answers false where it was so before. */
export async function pauseAll(client: pg.Pool | pg.ClientBase): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into posthorn.settings (name, value) values ('paused_since', ${NOW}) on conflict (name) do nothing`,
  );
  return rowCount === 1;
}

/** Ends the pause of all; `adopt` makes the database this installation's, too. Answers what kept it before, and what does still. */
export function resumeAll(
  pool: pg.Pool,
  { installation, adopt }: { installation: string | null; adopt: boolean },
) {
  return inTransaction(pool, async (client) => {
    const before = await readSending(client, installation);
    if (before.reason === "other_installation" && !adopt) return { before, after: before };
    await client.query("delete from posthorn.settings where name = 'paused_since'");
    if (adopt)
      await client.query(
        `insert into posthorn.settings (name, value) values ('installation', coalesce($1::text, current_database()::text))
         on conflict (name) do update set value = excluded.value`,
        [installation],
      );
    if (before.reason !== null)
      await client.query(
        `insert into posthorn.settings (name, value) values ('resumed_at', ${NOW})
         on conflict (name) do update set value = excluded.value`,
      );
    return { before, after: await readSending(client, installation) };
  });
}
