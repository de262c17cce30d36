// What `posthorn webhooks export --with-keys` reads beside the database: rows, opened with POSTHORN_SECRETS_KEY.
import { connect } from "../../database/connect.ts";
import { openDatabase } from "../../database/open.ts";
import { writeCatalogue } from "../../event-types/catalogue/write.ts";
import { silentLog } from "../../kernel/log.ts";
import { openHeaders, openKey } from "../../store/webhook-secrets.ts";
import { listSubscribed } from "../../store/webhooks.ts";
import { cellOfTenant } from "../cells.ts";
import { EXIT } from "../exit.ts";
import { readConfig } from "../process.ts";
import { printJson } from "../remote.ts";
import type { Terminal } from "../terminal.ts";

/** Prints a tenant's webhooks with their keys; one whose secrets can't be opened is named, and ends it with 5. */
export async function exportWithKeys(terminal: Terminal, tenant: string): Promise<void> {
  const all = readConfig(terminal.env);
  const { config, told } = await cellOfTenant(all, tenant, { writes: false });
  const database = await told(
    openDatabase(config, silentLog, { share: true, seed: writeCatalogue }),
  );
  const connection = connect(database.url, { name: "export", max: 1, log: silentLog });
  try {
    for await (const rows of listSubscribed(connection.db, tenant))
      for (const row of rows) {
        const opened = read(() => ({
          headers: openHeaders(database.sealer, row),
          signature_key: openKey(database.sealer, row),
        }));
        if (!opened) {
          terminal.err.write(
            `webhook ${row.id}: its secrets can't be opened with the keys given\n`,
          );
          terminal.exitCode = EXIT.found;
          continue;
        }
        const { id, url, name, events, channels, preset, delivery_order: order, paused } = row;
        const {
          preset_settings,
          retry_schedule_s,
          timeout_ms,
          rate_limit_per_s,
          external_id,
          metadata,
        } = row;
        printJson(terminal, {
          ...{ id, url, name, ...opened, events, channels, preset, order, paused },
          ...{
            preset_settings,
            retry_schedule_s,
            timeout_ms,
            rate_limit_per_s,
            external_id,
            metadata,
          },
        });
      }
  } finally {
    await connection.close();
    await database.close();
  }
}

function read<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}
