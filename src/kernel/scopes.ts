// What an API key may do.

export type KeyScope = "admin" | "manage" | "publish" | "read";

/** Everything of a tenant but keys, portal and publishing. */
export const MANAGERS: readonly KeyScope[] = ["admin", "manage"];

/** Publishing. */
export const PUBLISHERS: readonly KeyScope[] = ["admin", "publish"];

/** Every list, info and stats. */
export const READERS: readonly KeyScope[] = ["admin", "manage", "read"];
