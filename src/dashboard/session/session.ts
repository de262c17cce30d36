// Who is signed in: the key, what it may do, and when it is refused.
import { useMemo } from "react";

import { useAddressTenant } from "../address/hash.ts";
import { connect, type Client } from "../api/client.ts";
import { localNow, now, setClock } from "../api/clock.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import type { Output } from "../api/operations.ts";
import { createStore } from "../store.ts";
import { offerToNewTabs, takeOver } from "./hand-over.ts";
import { isPortal, openLink } from "./portal.ts";
import { forgetKey, keepKey, keptKey } from "./keeper.ts";

export type Info = Output<"session.info">;
export type Scope = Info["scope"];

type State = {
  /** False until it is known whether a key was kept or handed over. */
  isReady: boolean;
  key: string | null;
  info: Info | null;
  /** Refused since: the sign-in stands over the view. */
  isExpired: boolean;
  /** Why a key that was kept could not be tried: the service was away. */
  problem: Failure | null;
  /** Where a portal's customer goes when the session has ended. */
  returnUrl: string | null;
  /** Another number: another one has signed in, and what the last one saw is gone. */
  number: number;
};

const NOBODY: State = {
  isReady: false,
  key: null,
  info: null,
  isExpired: false,
  problem: null,
  returnUrl: null,
  number: 0,
};

const store = createStore(NOBODY);

export const session = {
  use: store.use,

  /** Looks for the key that a reload left, or that another tab hands over. */
  async begin(): Promise<void> {
    if (isPortal) return beginPortal();
    offerToNewTabs(() => store.get().key);
    const key = keptKey() ?? (await takeOver());
    const failure = key === null ? null : await session.signIn(key);
    const problem = failure?.status === 401 ? null : failure;
    store.set({ ...store.get(), isReady: true, problem });
  },

  /** Tries a key; answers why it can't be used. */
  async signIn(key: string): Promise<Failure | null> {
    const askedAt = localNow();
    try {
      const info = await connect(key, null).read("session.info", {});
      setClock(info.now, askedAt);
      const before = store.get();
      const isSame = before.info !== null && sees(before.info) === sees(info);
      store.set({
        ...before,
        isReady: true,
        key,
        info,
        isExpired: false,
        problem: null,
        number: isSame ? before.number : before.number + 1,
      });
      keepKey(key);
      return null;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status === 401) forgetKey();
      return failure;
    }
  },

  /** The key was refused. */
  expire(): void {
    if (store.get().key === null) return;
    forgetKey();
    store.set({ ...store.get(), key: null, isExpired: true });
  },

  signOut(): void {
    forgetKey();
    const { number } = store.get();
    store.set({ ...NOBODY, isReady: true, number: number + 1 });
  },
};

// The session of a link: it ends by itself, and there is no key to be typed.
async function beginPortal(): Promise<void> {
  const opened = await openLink();
  if ("session" in opened) {
    const { key, return_url: returnUrl, expires_at } = opened.session;
    store.set({ ...store.get(), returnUrl });
    const problem = await session.signIn(key);
    store.set({ ...store.get(), isReady: true, problem });
    setTimeout(() => session.expire(), Date.parse(expires_at) - now());
  } else store.set({ ...store.get(), isReady: true, problem: opened.failure });
}

const sees = ({ scope, tenant, is_bound }: Info) => `${scope} ${is_bound ? tenant : "*"}`;

/** What there is to know of the one who looks. To be used where somebody is signed in. */
export function useSignedIn(): Info {
  const { info } = store.use();
  if (info === null) throw new Error("nobody is signed in");
  return info;
}

/** The tenant that is looked at: the key's own, or the one that an admin's address names. */
export function useTenant(): string {
  const { is_bound, tenant } = useSignedIn();
  const named = useAddressTenant();
  return is_bound ? tenant : (named ?? tenant);
}

export const EVERYWHERE = "*";

const REACH = {
  read: ["admin", "manage", "read"],
  manage: ["admin", "manage"],
  whole: ["admin", "manage"], // what is of the whole tenant: not of a customer's who sees some webhooks
  types: ["admin", "manage"], // of which customers are no judges
  publish: ["admin", "publish"],
  admin: ["admin"],
} as const satisfies Record<string, readonly Scope[]>;

export type Right = keyof typeof REACH;

/** Whether an admin looks at all tenants at once, `*` in the address: there one looks for what is somewhere, and changes nothing. */
export function useIsEverywhere(): boolean {
  return useTenant() === EVERYWHERE;
}

/** Whether the key may do what is asked: what it may not is not offered. */
export function useMay(): (right: Right) => boolean {
  const { scope, portal } = useSignedIn();
  const isEverywhere = useIsEverywhere();
  return (right) => {
    if (isEverywhere && right !== "read") return false;
    if (right === "types" && portal !== null) return false;
    if (right === "whole" && portal?.webhook_ids) return false;
    return (REACH[right] as readonly Scope[]).includes(scope);
  };
}

/** The client for the tenant that is looked at, or for an admin another one (`*`: all); `isReady` is false where the key was refused. */
export function useClient(other?: string): Client & { id: string; isReady: boolean } {
  const { key, info } = store.use();
  const named = useAddressTenant();
  const tenant = info?.is_bound ? null : (other ?? named);
  return useMemo(
    () => ({ ...connect(key ?? "", tenant), id: tenant ?? "", isReady: key !== null }),
    [key, tenant],
  );
}
