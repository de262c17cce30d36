// Encryption at rest of signature keys and header values: AES-256-GCM, bound to the row that holds them.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";

import type { Db } from "./connect.ts";
import { StartError } from "../kernel/errors.ts";

const FORMAT = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12; // the size that GCM is made for (NIST SP 800-38D)
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/** Where a sealed value stands: it opens there and nowhere else, so that rows can't be swapped. */
export type SealedPlace = {
  tenant: string;
  /** Which of the tenant's: a webhook's id, or what else names it. */
  row: string;
  field: "signature_key" | "previous_key" | "headers" | "answer" | "check";
};

/** A value is sealed with a key that this process does not have; another, of a rotation under way, may. */
export class MissingKeyError extends Error {
  constructor() {
    super("sealed with a key that is not in POSTHORN_SECRETS_KEY");
    this.name = "MissingKeyError";
  }
}

export type Sealer = {
  /** Encrypts under the newest key. */
  seal(plain: string, place: SealedPlace): Buffer;
  /** Decrypts under the key that it was sealed with; throws a MissingKeyError where that is not given, and where the place is another. */
  open(sealed: Buffer, place: SealedPlace): string;
  /** Whether it is sealed under the newest key. */
  isNewest(sealed: Buffer): boolean;
  /** A secret for another purpose, derived from the newest key. */
  derive(purpose: string): Buffer;
};

/** A sealer over 32-byte keys, the newest first; older ones only open. */
export function createSealer(keys: readonly [Buffer, ...Buffer[]]): Sealer {
  const byId = new Map(keys.map((key) => [keyId(key).toString("hex"), key]));
  const [newest] = keys;
  return {
    seal(plain, place) {
      const id = keyId(newest);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", newest, nonce).setAAD(additionalData(id, place));
      const text = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return Buffer.concat([Buffer.of(FORMAT), id, nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, place) {
      if (sealed[0] !== FORMAT || sealed.length < HEADER_BYTES)
        throw new Error("not a sealed value");
      const id = sealed.subarray(1, 1 + KEY_ID_BYTES);
      const nonce = sealed.subarray(1 + KEY_ID_BYTES, HEADER_BYTES - TAG_BYTES);
      const tag = sealed.subarray(HEADER_BYTES - TAG_BYTES, HEADER_BYTES);
      const key = byId.get(id.toString("hex"));
      if (!key) throw new MissingKeyError();
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(additionalData(id, place))
        .setAuthTag(tag);
      return (
        decipher.update(sealed.subarray(HEADER_BYTES), undefined, "utf8") + decipher.final("utf8")
      );
    },
    isNewest: (sealed) => sealed.subarray(1, 1 + KEY_ID_BYTES).equals(keyId(newest)),
    derive: (purpose) => Buffer.from(hkdfSync("sha256", newest, "", `posthorn ${purpose}`, 32)),
  };
}

const MARK = "secrets_check";
const MARK_PLACE: SealedPlace = { tenant: "", row: "", field: "check" };

function sealMark(sealer: Sealer): string {
  return sealer.seal("posthorn", MARK_PLACE).toString("base64");
}

/** Seals the database's mark with the newest key: from now on a start without it is refused, one without older ones not. */
export async function renewSecretsMark(db: Db, sealer: Sealer): Promise<void> {
  await db
    .updateTable("posthorn.settings")
    .set({ value: sealMark(sealer) })
    .where("name", "=", MARK)
    .execute();
}

/**
 * Compares the secrets key with the one that the database was first used with; the first service to start leaves
 * a sealed mark there. Throws a StartError where it is another: it could read none of the stored keys.
 */
export async function checkSecretsKey(db: Db, sealer: Sealer): Promise<void> {
  await db
    .insertInto("posthorn.settings")
    .values({ name: MARK, value: sealMark(sealer) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { value } = await db
    .selectFrom("posthorn.settings")
    .select("value")
    .where("name", "=", MARK)
    .executeTakeFirstOrThrow();
  openMark(sealer, value);
}

/** Throws a StartError where the mark of a database's secrets was not sealed with a key that is given. */
export function openMark(sealer: Sealer, mark: string): void {
  try {
    sealer.open(Buffer.from(mark, "base64"), MARK_PLACE);
  } catch (error) {
    throw new StartError(
      "POSTHORN_SECRETS_KEY: not the key that this database's secrets are sealed with; pass that one (with a newer one before it, comma-separated, to rotate); where it is lost: posthorn secrets abandon",
      { cause: error },
    );
  }
}

function keyId(key: Buffer): Buffer {
  return createHash("sha256")
    .update("posthorn key id")
    .update(key)
    .digest()
    .subarray(0, KEY_ID_BYTES);
}

function additionalData(id: Buffer, place: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify([id.toString("hex"), place.tenant, place.row, place.field]));
}
