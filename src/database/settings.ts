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
