// `posthorn secrets rotate`: what is encrypted at rest, encrypted anew with the newest key.
import { connect } from "../database/connect.ts";
import { openDatabase } from "../database/open.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { silentLog } from "../kernel/log.ts";
import { rotateSecrets, tellRotation } from "../store/secrets-rotation.ts";
import { endSignal, readConfig, say } from "./process.ts";

/** Rotates, and tells how far it came; the exit code is 1 where something is left. */
export async function rotateKeys(): Promise<void> {
  const ended = endSignal();
  const database = await openDatabase(readConfig(), silentLog, {
    share: true,
    seed: writeCatalogue,
  });
  const connection = connect(database.url, { name: "secrets", max: 1, log: silentLog });
  try {
    const end = await rotateSecrets(connection.db, database.sealer, { signal: ended, tell: say });
    say(tellRotation(end));
    if (end.isInterrupted || end.left > 0) process.exitCode = 1;
  } finally {
    await connection.close();
    await database.close();
  }
}
