// `posthorn secrets`: what is encrypted at rest, encrypted anew with the newest key, or given up where its key is lost.
import { connect } from "../database/connect.ts";
import { openDatabase, reachDatabase, secretsKeys } from "../database/open.ts";
import { prepareDatabase } from "../database/prepare.ts";
import { createSealer } from "../database/sealed.ts";
import { writeCatalogue } from "../event-types/catalogue/write.ts";
import { silentLog } from "../kernel/log.ts";
import { abandonSecrets, tellAbandon } from "../store/secrets-abandon.ts";
import { rotateSecrets, tellRotation } from "../store/secrets-rotation.ts";
import { cellsMeant, type CellMeant } from "./cells.ts";
import { endSignal, readConfig, say } from "./process.ts";

/** Rotates, in each cell where there are some, and tells how far it came; the exit code is 1 where something is left. */
export async function rotateKeys(): Promise<void> {
  const ended = endSignal();
  for (const each of cellsMeant(readConfig(), {})) await rotateIn(each, ended);
}

async function rotateIn({ config, told, tell }: CellMeant, ended: AbortSignal): Promise<void> {
  const database = await told(
    openDatabase(config, silentLog, { share: true, seed: writeCatalogue }),
  );
  const connection = connect(database.url, { name: "secrets", max: 1, log: silentLog });
  try {
    const end = await rotateSecrets(connection.db, database.sealer, {
      signal: ended,
      tell: (text) => say(tell(text)),
    });
    say(tell(tellRotation(end)));
    if (end.isInterrupted || end.left > 0) process.exitCode = 1;
  } finally {
    await connection.close();
    await database.close();
  }
}

/** Goes on without a key that is lost, in each cell where there are some, and tells what is lost with it. */
export async function abandonLostKey(): Promise<void> {
  for (const each of cellsMeant(readConfig(), {})) await each.told(abandonIn(each));
}

async function abandonIn({ config, tell }: CellMeant): Promise<void> {
  if (config.DATABASE_URL !== null) secretsKeys(config); // before anything is done
  const database = await reachDatabase(config, silentLog, { share: true });
  try {
    await prepareDatabase(database.directUrl, { log: silentLog, seed: writeCatalogue });
    const connection = connect(database.url, { name: "secrets", max: 1, log: silentLog });
    const end = await abandonSecrets(connection.db, createSealer(secretsKeys(config)), (text) =>
      say(tell(text)),
    ).finally(() => connection.close());
    say(tell(tellAbandon(end)));
  } finally {
    await database.close();
  }
}
