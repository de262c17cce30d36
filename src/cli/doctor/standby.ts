// What the doctor asks the standby of DATABASE_READ_URL: whether lists can be read from it now.
import { openClient } from "../../database/client.ts";
import { connect } from "../../database/connect.ts";
import { findStandby } from "../../database/find-standby.ts";
import type { ReachedDatabase } from "../../database/open.ts";
import { isOfTheStandby } from "../../database/replica.ts";
import { catchUp, readPosition } from "../../database/standby.ts";
import { monotonic } from "../../kernel/clock.ts";
import { StartError } from "../../kernel/errors.ts";
import { silentLog } from "../../kernel/log.ts";
import { bad, ok, type Finding } from "./finding.ts";

/** Looks at it; nothing is found where none is set. */
export async function examineStandby({
  readUrl,
  directUrl,
}: Pick<ReachedDatabase, "readUrl" | "directUrl">): Promise<Finding[]> {
  if (readUrl === null) return [];
  try {
    await lookAt(readUrl, directUrl);
    return [ok("standby", "has all that the primary has written")];
  } catch (error) {
    const isAway = isOfTheStandby(error);
    if (!isAway && !(error instanceof StartError)) throw error;
    const found = (error as Error).message;
    const todo = isAway
      ? "lists and statistics come from the primary until it can answer"
      : "nothing starts with it";
    return [bad("standby", isAway ? "warning" : "error", found, todo)];
  }
}

async function lookAt(readUrl: string, directUrl: string): Promise<void> {
  const { url, cluster } = await findStandby(readUrl, directUrl);
  const primary = connect(directUrl, { name: "doctor", max: 1, log: silentLog });
  const client = await openClient(url, "doctor");
  try {
    await catchUp(client, { position: await readPosition(primary.pool), cluster }, monotonic);
  } finally {
    await Promise.all([primary.close(), client.end().catch(() => {})]);
  }
}
