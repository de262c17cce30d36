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
