// Signing in: by itself, or over a view whose key was refused meanwhile.
import { Button, PasswordInput } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";

import type { Failure } from "../api/failure.ts";
import { session } from "../session/session.ts";
import { Failed } from "../parts/states.tsx";

/** What a failure to sign in means to somebody with a key in the hand. */
function explained(failure: Failure): Failure {
  if (failure.status === 401)
    return { ...failure, message: "This key is not valid: it is unknown, expired or revoked." };
  if (failure.status === 403)
    return {
      ...failure,
      message: "This key may only publish. The dashboard needs a read, manage or admin key.",
    };
  return failure;
}

/** The form: the key, and Enter. */
export function SignInForm() {
  const { problem } = session.use();
  const [key, setKey] = useState("");
  const [failure, setFailure] = useState(problem);
  const [isTrying, setTrying] = useState(false);
  const submit = async (event: SyntheticEvent) => {
    event.preventDefault();
    const given = key.trim();
    if (given === "" || isTrying) return;
    setTrying(true);
    setFailure(await session.signIn(given));
    setTrying(false);
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <PasswordInput
        label="API key"
        description="It stays in this tab, and is sent to this service alone."
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
        autoFocus
        visibilityToggleButtonProps={{ "aria-label": "Show the key" }}
      />
      {failure && (
        <Failed
          failure={explained(failure)}
          {...(problem === failure && { onRetry: () => void session.begin() })}
        />
      )}
      <Button type="submit" loading={isTrying}>
        Sign in
      </Button>
    </form>
  );
}

/** The page of who is not signed in. */
export function SignInPage() {
  return (
    <main className="sign-in">
      <div className="card">
        <p className="brand">Posthorn</p>
        <h1>Sign in</h1>
        <SignInForm />
      </div>
    </main>
  );
}
