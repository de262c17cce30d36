// Copies a text. Without a secure context, or in a frame that may not, by the way that browsers had before.
import { Button } from "@mantine/core";
import { useState } from "react";

import { say } from "./notices.tsx";

/** Copies; answers whether it worked. `near` is an element of the open dialog, outside of which no focus may go. */
async function copyText(text: string, near: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, near);
  }
}

function copyBySelection(text: string, near: Element): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  area.setAttribute("aria-hidden", "true");
  const focused = document.activeElement;
  (near.closest("[role=dialog]") ?? document.body).append(area);
  area.select();
  try {
    // Deprecated, and the one way on plain HTTP.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}

export type CopyProps = { text: string; what: string; label?: string; isQuiet?: boolean };

/** A button that copies; `what` says aloud what it was. */
export function Copy({ text, what, label = "Copy", isQuiet = false }: CopyProps) {
  const [isDone, setDone] = useState(false);
  const copy = async (button: HTMLElement) => {
    const worked = await copyText(text, button);
    setDone(worked);
    say(worked ? `Copied ${what}` : `Your browser does not let this page copy: select ${what}`);
    if (worked) setTimeout(() => setDone(false), 2_000);
  };
  return (
    <Button
      size="compact-xs"
      variant={isQuiet ? "subtle" : "default"}
      aria-label={`${label} ${what}`}
      onClick={(event) => void copy(event.currentTarget)}
    >
      {isDone ? "Copied" : label}
    </Button>
  );
}
