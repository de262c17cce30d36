// The settings that publish() needs: written when a service starts, so that they hold for both doors.
import { sql } from "kysely";

import type { Db } from "./connect.ts";

export type PublishSettings = {
  unknownTypes: "reject" | "accept";
  idempotencyH: number;
  /** Whether a publish wakes workers by NOTIFY: `auto` where nobody can prepare transactions. */
  notify: "auto" | "on" | "off";
};

/** Writes the settings that the database's own function reads. */
export async function writePublishSettings(db: Db, settings: PublishSettings): Promise<void> {
  await sql`
    insert into posthorn.settings as s (name, value)
    values ('idempotency_h', ${String(settings.idempotencyH)}), ('unknown_types', ${settings.unknownTypes}),
      ('notify', ${settings.notify})
    on conflict (name) do update set value = excluded.value where s.value <> excluded.value`.execute(
    db,
  );
}
