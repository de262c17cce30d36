// What an API key may do.

export const KEY_SCOPES = ["admin", "manage", "publish", "read"] as const;

export type KeyScope = (typeof KEY_SCOPES)[number];

/** Keys. */
export const ADMINS: readonly KeyScope[] = ["admin"];

/** Everything of a tenant but keys, portal and publishing. */
export const MANAGERS: readonly KeyScope[] = ["admin", "manage"];

/** Publishing. */
export const PUBLISHERS: readonly KeyScope[] = ["admin", "publish"];

/** Every list, info and stats. */
export const READERS: readonly KeyScope[] = ["admin", "manage", "read"];

/** What a key is; a null tenant means every tenant. */
export type KnownKey = { id: string; scope: KeyScope; tenant: string | null };

/** Looks a key up; undefined where there is no such key, or none any more. */
export type FindKey = (key: string) => Promise<KnownKey | undefined>;
