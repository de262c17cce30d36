// What is said of an operation. Of types alone: a client's compiler reads this with the router's type.
import type { ErrorCode } from "../kernel/errors.ts";
import type { KeyScope } from "../kernel/scopes.ts";

/** What is said of an operation beside its schemas; openapi.yaml and the POST face are made from it. */
export type OperationMeta = {
  summary: string;
  description?: string;
  scopes: readonly KeyScope[];
  /** Set where nobody needs a key: who calls is known by the address alone. */
  isOpen?: true;
  /** Whether a portal's session may call it: any, or only one that sees its whole tenant. Left out, none may. */
  inPortal?: "any" | "whole";
  /** Codes of 404 and 409 that it can answer; those of the other statuses are every operation's. */
  errors?: readonly ErrorCode[];
  /** What to do where nobody knows whether it was done, if sending it again is not enough. */
  whenUnsure?: string;
  request: unknown;
  response: unknown;
  /** What it locks: of those that would wait for each other's lock, one at a time goes to the database. */
  locks?: "id" | "webhook_id" | "name" | "tenant";
  /** Set where it takes places itself, and only for as long as it needs the database. */
  sharesItself?: true;
  /** Set where it may be answered by a standby that has all that the primary had when it was asked: DATABASE_READ_URL. */
  reads?: "standby";
  /** Set where it waits while the database is away, and so is let in by a key that was valid lately. */
  waits?: true;
  /** What is kept of its input as soon as that is parsed. */
  keep?: (input: unknown) => unknown;
  /**
   * For a body of up to 16 MiB instead of 1 MiB, by the items of this list, 1 MiB each. `keep` is what is kept of an item
   * when it is parsed, in place of all that parsing makes of it.
   */
  largeBody?: {
    name: string;
    itemsMax: number;
    keep?: (item: unknown, index: number) => unknown;
  };
};
