// A secret that is shown once: the dialog closes by the word that it is stored, and by nothing else.
import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import { Copy } from "./copy.tsx";
import { Dialog } from "./dialog.tsx";
import "./secret.css";

type ShownOnceProps = {
  title: string;
  /** What it is, as in "the signing key". */
  what: string;
  /** Null: there is none to show, and no dialog. */
  secret: string | null;
  onStored(): void;
  children?: ReactNode;
};

export function ShownOnce({ title, what, secret, onStored, children }: ShownOnceProps) {
  return (
    <Dialog title={title} isOpen={secret !== null} isFirm onClose={onStored} size="lg">
      <div className="form">
        <p className="prose">This is {what}. It is shown this once: store it now.</p>
        <div className="secret">
          <code>{secret}</code>
          <Copy text={secret ?? ""} what={what} />
        </div>
        {children}
        <div className="form-foot">
          <Button onClick={onStored}>I have stored it</Button>
        </div>
      </div>
    </Dialog>
  );
}
