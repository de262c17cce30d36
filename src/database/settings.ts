// The settings that publish() needs: written when a service starts, so that they hold for both doors.
import { sql } from "kysely";

import type { Db } from "./connect.ts";

export type PublishSettings = {
  unknownTypes: "reject" | "accept";
  idempotencyH: number;
  /** Whether a publish wakes workers by NOTIFY: `auto` where nobody can prepare transactions. */
  notify: "auto" | "on" | "off";
  /** Which installation starts it; null: the database's own name. */
  installation: string | null;
};

/** Writes the settings that the database's own function reads, and whose it is where nobody's service has started on it before. */
export async function writePublishSettings(db: Db, settings: PublishSettings): Promise<void> {
  await sql`
    insert into posthorn.settings as s (name, value)
    values ('idempotency_h', ${String(settings.idempotencyH)}), ('unknown_types', ${settings.unknownTypes}),
      ('notify', ${settings.notify})
    on conflict (name) do update set value = excluded.value where s.value <> excluded.value`.execute(
    db,
  );
  await sql`
    insert into posthorn.settings (name, value)
    values ('installation', coalesce(${settings.installation}::text, current_database()::text))
    on conflict (name) do nothing`.execute(db);
}

/** Which cell a database is, and of which installation's home. */
export type CellMark = { cell: string; home: string };

/**
 * Marks a database as a cell, for ever, and writes where tenants that are new live; answers the mark that it carries, which is another
 * one where it was marked before. Without `home` it is the home itself, by the installation's name that it carries: whoever has
 * something there lives there from then on.
 */
export async function markCell(
  db: Db,
  { cell, home, first }: { cell: string; home: string | null; first: string },
): Promise<CellMark> {
  await sql`
    insert into posthorn.settings (name, value)
    select * from (
      values ('cell', ${cell}::text),
        ('cell_of', coalesce(${home}::text, (select value from posthorn.settings where name = 'installation')))
    ) as mark (name, value)
    where value is not null and not exists (select from posthorn.settings where name = 'cell' and value <> ${cell})
    on conflict (name) do nothing`.execute(db);
  const { rows } = await sql<{ name: string; value: string }>`
    select name, value from posthorn.settings where name in ('cell', 'cell_of')`.execute(db);
  const marks = new Map(rows.map(({ name, value }) => [name, value]));
  const mark = { cell: marks.get("cell") ?? cell, home: marks.get("cell_of") ?? "" };
  if (mark.cell !== cell || mark.home !== (home ?? mark.home)) return mark;
  if (home === null) await placeWhoIsThere(db, cell);
  await sql`
    insert into posthorn.placements as p (tenant, cell) values ('*', ${first})
    on conflict (tenant) do update set cell = excluded.cell, placed_at = now() where p.cell <> excluded.cell`.execute(
    db,
  );
  return mark;
}

// Before another cell is everybody's who is new: who was there before there were cells is not.
async function placeWhoIsThere(db: Db, cell: string): Promise<void> {
  await sql`
    insert into posthorn.placements (tenant, cell)
    select tenant, ${cell} from (
      select tenant from posthorn.webhooks where deleted_at is null
      union select tenant from posthorn.keys where tenant is not null
      union select tenant from posthorn.event_types where tenant <> '*'
    ) as those
    on conflict do nothing`.execute(db);
}
