// Whether the secrets that are stored can be opened: with the keys given, and how many can't.
import type { Config } from "../../config.ts";
import type { Connection } from "../../database/connect.ts";
import { secretsKeys } from "../../database/open.ts";
import { createSealer } from "../../database/sealed.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { sealedWebhooks, unreadableOf } from "../../store/secrets-rotation.ts";
import { bad, ok, type Finding } from "./finding.ts";

const LOOK_MS_MAX = 1 * SECOND; // some 50,000 webhooks: the whole of it is posthorn secrets rotate's to read

/** Opens what is sealed, for a second at most. */
export async function judgeSecrets({ db }: Connection, config: Config): Promise<Finding[]> {
  let keys: ReturnType<typeof secretsKeys>;
  try {
    keys = secretsKeys(config, { make: false });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return [
      bad(
        "secrets",
        "error",
        error.message,
        "set it to the key that the database was first used with",
      ),
    ];
  }
  const sealer = createSealer(keys);
  const until = Date.now() + LOOK_MS_MAX;
  const lost: string[] = [];
  let seen = 0;
  let isWhole = true;
  for await (const rows of sealedWebhooks(db)) {
    for (const row of rows)
      if (!row.is_deleted && unreadableOf(sealer, row).length > 0) lost.push(row.id);
    seen += rows.length;
    isWhole = Date.now() < until;
    if (!isWhole) break;
  }
  const of = `${isWhole ? "" : "the first "}${seen} ${seen === 1 ? "webhook that has" : "webhooks that have"} some`;
  if (lost.length === 0) return [ok("secrets", `all can be opened, of ${of}`)];
  return [
    bad(
      "secrets",
      "error",
      `those of ${lost.length} can't be opened, of ${of}: ${lost.slice(0, 3).join(", ")}${lost.length > 3 ? ", …" : ""}`,
      "put the key that sealed them into POSTHORN_SECRETS_KEY, behind the newest; where it is lost: posthorn secrets abandon",
    ),
  ];
}
