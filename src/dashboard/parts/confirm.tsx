// Asks before what can't be undone. Above 1,000 the number has to be typed.
import { Button, TextInput, type ButtonProps } from "@mantine/core";
import { useState, type ReactNode, type SyntheticEvent } from "react";

import type { Failure } from "../api/failure.ts";
import { Dialog } from "./dialog.tsx";
import { Failed } from "./states.tsx";
import { number } from "./words.ts";

const TYPED_ABOVE = 1_000;

type ConfirmProps = {
  /** What the button says, and the dialog's own button too. */
  label: string;
  title: string;
  children: ReactNode;
  /** Does it; the dialog closes where something was answered. */
  onConfirm(): Promise<unknown>;
  failure?: Failure | null;
  /** How many things it is done to. */
  count?: number;
  /** False while it is not known yet to what it is done, or where that is nothing. */
  isReady?: boolean;
  isDangerous?: boolean;
  /** Why it can't be done now: the button is off and says so. */
  whyNot?: string | null;
  onOpen?(): void;
  variant?: ButtonProps["variant"];
  size?: ButtonProps["size"];
};

/** A button that asks first. */
export function ConfirmButton({
  label,
  title,
  children,
  onConfirm,
  failure = null,
  count = 0,
  isReady = true,
  isDangerous = false,
  whyNot = null,
  onOpen,
  variant = "default",
  size = "xs",
}: ConfirmProps) {
  const [isOpen, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [isDoing, setDoing] = useState(false);
  const needsTyping = count > TYPED_ABOVE;
  const isAllowed = isReady && (!needsTyping || typed.replace(/\D/g, "") === String(count));
  const open = () => {
    setTyped("");
    setOpen(true);
    onOpen?.();
  };
  const confirm = async (event: SyntheticEvent) => {
    event.preventDefault();
    if (isDoing || !isAllowed) return;
    setDoing(true);
    const answer = await onConfirm();
    setDoing(false);
    if (answer !== undefined) setOpen(false);
  };
  return (
    <>
      <Button
        size={size}
        variant={variant}
        color={isDangerous ? "red" : undefined}
        className={isDangerous ? "is-dangerous" : undefined}
        disabled={whyNot !== null}
        title={whyNot ?? undefined}
        onClick={open}
      >
        {label}
      </Button>
      <Dialog title={title} isOpen={isOpen} onClose={() => setOpen(false)}>
        <form onSubmit={(event) => void confirm(event)} className="form">
          <div className="prose">{children}</div>
          {needsTyping && (
            <TextInput
              label={`Type ${number(count)} to go on`}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              inputMode="numeric"
              autoComplete="off"
            />
          )}
          {failure && <Failed failure={failure} />}
          <div className="form-foot">
            <Button variant="default" size="sm" onClick={() => setOpen(false)}>
              Cancel
            </Button>
            <Button
              type="submit"
              size="sm"
              color={isDangerous ? "red" : undefined}
              loading={isDoing}
              disabled={!isAllowed}
              data-autofocus={!needsTyping || undefined}
            >
              {label}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  );
}
