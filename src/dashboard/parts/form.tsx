// A form as each is: its fields, what was refused that belongs to none of them, and its buttons.
import { Button } from "@mantine/core";
import type { ReactNode, SyntheticEvent } from "react";

import type { Failure } from "../api/failure.ts";
import { Failed } from "./states.tsx";

export type FormProps = {
  children: ReactNode;
  /** What comes of sending it: whether it is under way, and what it was refused for. */
  action: { failure: Failure | null; isRunning: boolean };
  /** What is said at each field (`issuesByField`). */
  errors: Record<string, string>;
  /** What the button that sends it says. */
  submit: string;
  isBlocked?: boolean;
  /** A way out beside it. */
  cancel?: ReactNode;
  className?: string;
  onSubmit(): void | Promise<void>;
};

export function Form(form: FormProps) {
  const { children, action, errors, submit, isBlocked = false, cancel, className = "" } = form;
  const { failure, isRunning } = action;
  const send = (event: SyntheticEvent) => {
    event.preventDefault();
    void form.onSubmit();
  };
  return (
    <form className={`form ${className}`} onSubmit={send}>
      {children}
      {failure && (failure.issues.length === 0 || errors[""] !== undefined) && (
        <Failed failure={failure} />
      )}
      <div className="form-foot">
        {cancel}
        <Button type="submit" loading={isRunning} disabled={isBlocked}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
