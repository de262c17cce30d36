// What makes something and shows a secret is done once for its idempotency key, and answers the same each time.
import { createHash } from "node:crypto";

import type { Transaction } from "kysely";

import type { Schema } from "../database/schema.ts";
import type { SealedPlace, Sealer } from "../database/sealed.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { Owner } from "../kernel/shares.ts";
import {
  claimAnswer,
  findAnswer,
  findAnswersFull,
  keepAnswer,
  type AnswerPlace,
  type KeptAnswer,
} from "./kept-answers.ts";
import type { TenantStore } from "./tenant.ts";

const ANSWERS_MAX = 10_000; // of one tenant within a day: as many as it could mean, and counted in a few milliseconds

/** Who asks, and for what. */
export type Asked = {
  store: Pick<TenantStore, "db" | "sealer">;
  owner: Owner;
  operation: string;
  input: { idempotency_key?: string | undefined };
};

/** An answer, and the webhook (by its internal id) or API key that it shows: with their secrets it is dropped. */
export type Made<T, Shown> = { answer: T; shows: Shown };

/** Does the one transaction of a request. The answer is part of it. */
export type Transact<T> = <Shown extends number | string>(
  work: (trx: Transaction<Schema>) => Promise<Made<T, Shown>>,
) => Promise<Made<T, Shown>>;

/**
 * Answers what `make` does or, where it was done under this idempotency key within a day by the same API key, what it answered
 * then. Of two at once the second gets the first's answer. Another request under the key is a 409.
 */
export async function answerOnce<T extends object>(
  asked: Asked,
  make: (transact: Transact<T>) => Promise<T>,
): Promise<T> {
  const { store, owner, input } = asked;
  const { idempotency_key: key, ...request } = input;
  if (key === undefined) return make((work) => store.db.transaction().execute(work));
  const place = { tenant: owner.tenant, caller: owner.key, key };
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([asked.operation, request]))
    .digest("base64");
  for (;;) {
    const kept = await findAnswer(store.db, place);
    if (kept) return openAnswer(store.sealer, place, kept, fingerprint) as T;
    try {
      return await make((work) =>
        store.db.transaction().execute(async (trx) => {
          await refuseTooMany(trx, place.tenant);
          if (!(await claimAnswer(trx, place))) throw new TakenMeanwhile();
          const made = await work(trx);
          const plain = JSON.stringify({ fingerprint, answer: made.answer });
          const sealed = store.sealer.seal(plain, sealedPlace(place));
          await keepAnswer(trx, place, { sealed, shows: made.shows });
          return made;
        }),
      );
    } catch (error) {
      if (!(error instanceof TakenMeanwhile)) throw error;
    }
  }
}

/** Where a kept answer is sealed to. */
export function sealedPlace({ tenant, caller, key }: AnswerPlace): SealedPlace {
  return { tenant, row: JSON.stringify([caller, key]), field: "answer" };
}

class TakenMeanwhile extends Error {}

function openAnswer(
  sealer: Sealer,
  place: AnswerPlace,
  { sealed }: KeptAnswer,
  fingerprint: string,
): unknown {
  if (sealed === null)
    throw conflict(
      "what was made under it has a new key, was deleted or revoked since, so its answer is kept no longer; use another one for another request",
    );
  let plain: string;
  try {
    plain = sealer.open(sealed, sealedPlace(place));
  } catch (cause) {
    throw conflict(
      "it was used within a day, and the answer that is kept can't be decrypted with POSTHORN_SECRETS_KEY; look whether what it made is there, and use another one for another request",
      cause,
    );
  }
  const kept = JSON.parse(plain) as { fingerprint: string; answer: unknown };
  if (kept.fingerprint !== fingerprint)
    throw conflict(
      "it was used within a day for another request; send that one again as it was, or use another key",
    );
  return kept.answer;
}

async function refuseTooMany(trx: Transaction<Schema>, tenant: string): Promise<void> {
  const retryAfterS = await findAnswersFull(trx, tenant, ANSWERS_MAX);
  if (retryAfterS === undefined) return;
  throw new PosthornError(
    "rate_limited",
    `idempotency_key: ${ANSWERS_MAX} answers of this tenant are kept for a day, as many as may be; come again later, or leave the key out (a subscribe with an id of your own may be repeated without one)`,
    { retryAfterS },
  );
}

function conflict(why: string, cause?: unknown): PosthornError {
  const message = `idempotency_key: ${why}`;
  return new PosthornError("idempotency_conflict", message, {
    issues: [{ path: "idempotency_key", message }],
    cause,
  });
}
