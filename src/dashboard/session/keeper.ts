// Where the key is kept: in this tab's own storage, which a reload leaves and a closed tab does not. In memory alone where the
// browser forbids storage, in a frame, and under a path that a proxy has put before, where other programs share the origin.

const NAME = "posthorn.key";

/** Whether the page stands alone: not in a frame, and nobody else's pages between it and the origin. */
export const standsAlone = location.pathname === "/dashboard/" && window.top === window.self;

function storage(): Storage | null {
  try {
    return standsAlone ? sessionStorage : null;
  } catch {
    return null; // blocked
  }
}

export function keepKey(key: string): void {
  try {
    storage()?.setItem(NAME, key);
  } catch {
    // Full: it lasts until the reload.
  }
}

export function keptKey(): string | null {
  return storage()?.getItem(NAME) ?? null;
}

export function forgetKey(): void {
  storage()?.removeItem(NAME);
}
