// What has happened, said once: at the foot of the page for a while, and aloud to who listens to the page.
import { useEffect } from "react";

import { createStore } from "../store.ts";
import "./notices.css";

const SHOWN_MS = 6_000;

type Notice = { text: string; number: number };

const store = createStore<Notice | null>(null);

/** Says something to the one who looks. */
export function say(text: string): void {
  store.set({ text, number: (store.get()?.number ?? 0) + 1 });
}

/** Where it is said: the page's one live region. */
export function Notices() {
  const notice = store.use();
  useEffect(() => {
    if (notice === null) return;
    const end = setTimeout(() => store.set(null), SHOWN_MS);
    return () => clearTimeout(end);
  }, [notice]);
  return (
    <div className="notices" role="status" aria-live="polite">
      {notice && (
        <div className="notice" key={notice.number}>
          {notice.text}
        </div>
      )}
    </div>
  );
}
