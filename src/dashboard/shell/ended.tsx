// What a customer sees whose session in the portal has ended, or whose link can't be opened.
import { useEffect } from "react";

import { Dialog } from "../parts/dialog.tsx";
import { session } from "../session/session.ts";
import { tellHost } from "../session/portal.ts";

function Ended() {
  const { returnUrl, problem } = session.use();
  useEffect(tellHost, []);
  return (
    <div className="prose">
      <p>{problem ? problem.message : "Your session has ended."}</p>
      <p>
        {returnUrl === null ? (
          "Open this page again from where you came."
        ) : (
          <a href={returnUrl} target="_top" rel="noreferrer">
            Go back to where you came from
          </a>
        )}
      </p>
    </div>
  );
}

/** Over the view, which stays. */
export function EndedDialog({ isOpen }: { isOpen: boolean }) {
  return (
    <Dialog title="Your session has ended" isOpen={isOpen} isFirm onClose={() => {}}>
      <Ended />
    </Dialog>
  );
}

/** Where nothing was opened. */
export function EndedPage() {
  return (
    <main className="sign-in">
      <div className="card">
        <p className="brand">Posthorn</p>
        <h1>Webhooks</h1>
        <Ended />
      </div>
    </main>
  );
}
