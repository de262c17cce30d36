// The portal: the same page for a tenant's customer, opened by a link of its host's, often in a frame. Its session is held in
// memory alone; it neither asks other tabs for a key nor answers them, and touches no storage.
import { connect } from "../api/client.ts";
import { failureOf, type Failure } from "../api/failure.ts";
import type { Output } from "../api/operations.ts";
import { newName } from "../chance.ts";

const TRIES = 3; // with the same nonce, by which an answer that was lost comes again
const BETWEEN_MS = 2_000;

/** Whether this is the portal's page. */
export const isPortal = location.pathname.endsWith("/dashboard/portal/");

type Opened = { session: Output<"portal.exchange"> } | { failure: Failure | null };

/** Opens the link that stands in the address, and takes it out of there; without one there is no failure to tell. */
export async function openLink(): Promise<Opened> {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("link");
  if (token === null) return { failure: null };
  history.replaceState(null, "", `#${given.get("path") ?? "/"}`);
  dispatchEvent(new Event("replaced"));
  const nonce = newName();
  const stranger = connect("", null);
  for (let left = TRIES; ; left--) {
    try {
      return { session: await stranger.act("portal.exchange", { token, nonce }) };
    } catch (error) {
      const failure = failureOf(error);
      if (failure.status !== 0 || left === 1) return { failure };
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  }
}

/** Tells the page that frames this one that its customer needs a new link; nobody else may frame it, so nobody else hears of it. */
export function tellHost(): void {
  if (window.parent === window) return;
  const { ancestorOrigins } = location as Partial<Location>; // Firefox has none
  const host = ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
  if (host) window.parent.postMessage({ posthorn: "expired" }, host);
}
