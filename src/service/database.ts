// The database of the service: opened, and brought up to this program and to its settings.
import type { Config } from "../config.ts";
import { openDatabase, type OpenDatabase } from "../database/open.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import type { Log } from "../kernel/log.ts";

/** Opens it. `embeddedUrl` is where the embedded one runs already, as this process's supervisor started it. */
export function openServiceDatabase(
  config: Config,
  log: Log,
  { guest = false, embeddedUrl }: { guest?: boolean; embeddedUrl?: string | null },
): Promise<OpenDatabase> {
  const settings = {
    unknownTypes: config.POSTHORN_UNKNOWN_TYPES,
    idempotencyH: config.POSTHORN_IDEMPOTENCY_H,
    notify: config.POSTHORN_NOTIFY,
    installation: config.POSTHORN_INSTALLATION,
  };
  return openDatabase(config, log, {
    seed: writeCatalogue,
    settings,
    guest,
    embeddedUrl: embeddedUrl ?? null,
  });
}
