// What an API key may do.

export const KEY_SCOPES = ["admin", "manage", "publish", "read", "metrics"] as const;

export type KeyScope = (typeof KEY_SCOPES)[number];

/** Keys. */
export const ADMINS: readonly KeyScope[] = ["admin"];

/** Everything of a tenant but keys, portal and publishing. */
export const MANAGERS: readonly KeyScope[] = ["admin", "manage"];

/** Publishing. */
export const PUBLISHERS: readonly KeyScope[] = ["admin", "publish"];

/** Every list, info and stats. */
export const READERS: readonly KeyScope[] = ["admin", "manage", "read"];

/** What a process tells of itself at /metrics, and nothing else. */
export const SCRAPERS: readonly KeyScope[] = ["admin", "metrics"];

/** The scopes whose keys belong to no tenant, and why. */
export const WITHOUT_TENANT: Partial<Record<KeyScope, string>> = {
  admin: "an admin key has every tenant; leave it out",
  metrics: "a metrics key has no tenant; leave it out",
};

/** What a portal's session sees of its tenant: these webhooks' things alone, by their internal ids; null: all of it. */
export type Portal = { webhooks: readonly number[] | null };

/** What a key is; a null tenant means none of its own. `portal` is set of one that is a portal's session. */
export type KnownKey = {
  id: string;
  scope: KeyScope;
  tenant: string | null;
  portal: Portal | null;
  /** Set of one that was valid lately and has to be judged with what is done by it: whether it still is. */
  isStill?: () => Promise<boolean>;
};

/** Looks a key up; undefined where there is no such key, or none any more. */
export type FindKey = (key: string) => Promise<KnownKey | undefined>;
