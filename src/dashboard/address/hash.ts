// The page's address: a path and a query, both behind the `#`, so that no proxy's log learns which channel or webhook was
// looked at. An admin's begins with the tenant, as in `#/@acme/webhooks?health=failing`.
import { useSyncExternalStore } from "react";

const TENANT = /^\/@([a-z0-9_*-]{1,64})(?=\/|$)/;

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  addEventListener("replaced", listener);
  return () => {
    removeEventListener("hashchange", listener);
    removeEventListener("replaced", listener);
  };
}

const current = () => location.hash.slice(1) || "/";
const pathOf = (address: string) => address.split("?", 1)[0] || "/";
const queryOf = (address: string) => address.slice(pathOf(address).length + 1);

/** Goes to an address; `replace` leaves no step to come back to. */
export function go(address: string, { replace = false } = {}): void {
  if (!replace) location.hash = address;
  else {
    history.replaceState(history.state, "", `#${address}`);
    dispatchEvent(new Event("replaced"));
  }
}

/** The location hook that wouter is given. */
export function useHashPath(): [string, typeof go] {
  return [useSyncExternalStore(subscribe, () => pathOf(current())), go];
}

/** The search hook that wouter is given. */
export function useHashQuery(): string {
  return useSyncExternalStore(subscribe, addressQuery);
}

/** The address's query as it is now, for whoever changes a part of it. */
export function addressQuery(): string {
  return queryOf(current());
}

/** The tenant that the address names. */
export function useAddressTenant(): string | null {
  return useSyncExternalStore(subscribe, addressTenant);
}

export function addressTenant(): string | null {
  return TENANT.exec(pathOf(current()))?.[1] ?? null;
}

/** What goes before the path of each view: the tenant, where the address names one. */
export function baseOf(tenant: string | null): string {
  return tenant === null ? "" : `/@${tenant}`;
}
