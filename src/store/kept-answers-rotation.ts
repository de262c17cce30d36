// Kept answers sealed anew with the newest key; they go after a day by themselves.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import type { Sealer } from "../database/sealed.ts";
import { sealedPlace } from "./answer-once.ts";
import type { AnswerPlace } from "./kept-answers.ts";

const BATCH_ROWS = 100; // of some hundred KB at most

export type SealedAnswer = AnswerPlace & { sealed: Buffer };

/** Every kept answer that can still be shown. */
export async function* sealedAnswers(db: Db): AsyncGenerator<SealedAnswer> {
  let last: AnswerPlace | undefined = { tenant: "", caller: "", key: "" };
  while (last) {
    const { rows }: { rows: SealedAnswer[] } = await sql<SealedAnswer>`
      select tenant, caller, key, sealed from posthorn.kept_answers
      where (tenant, caller, key) > (${last.tenant}, ${last.caller}, ${last.key}) and sealed is not null
      order by tenant, caller, key limit ${BATCH_ROWS}`.execute(db);
    yield* rows;
    last = rows.at(-1);
  }
}

/** Whether a key given opens it. */
export function isReadable(sealer: Sealer, answer: SealedAnswer): boolean {
  return openSealed(sealer, answer) !== undefined;
}

/** Seals one anew, unless it is dropped meanwhile: "same" where it is sealed with the newest key, "lost" where no key opens it. */
export async function rotateAnswer(
  db: Db,
  sealer: Sealer,
  answer: SealedAnswer,
): Promise<"resealed" | "same" | "lost"> {
  const { sealed, ...place } = answer;
  const plain = openSealed(sealer, answer);
  if (plain === undefined) return "lost";
  if (sealer.isNewest(sealed)) return "same";
  const { numAffectedRows } = await sql`
    update posthorn.kept_answers set sealed = ${sealer.seal(plain, sealedPlace(place))}
    where tenant = ${place.tenant} and caller = ${place.caller} and key = ${place.key} and sealed = ${sealed}`.execute(
    db,
  );
  return numAffectedRows === 1n ? "resealed" : "same";
}

function openSealed(sealer: Sealer, { sealed, ...place }: SealedAnswer): string | undefined {
  try {
    return sealer.open(sealed, sealedPlace(place));
  } catch {
    return undefined;
  }
}
