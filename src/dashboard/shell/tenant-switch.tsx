// Whose things are shown, and for an admin the way to another tenant.
import { Button, TextInput } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import { useLocation } from "wouter";

import { go } from "../address/hash.ts";
import { addressOf } from "../address/links.ts";
import { Dialog } from "../parts/dialog.tsx";
import { EVERYWHERE, useSignedIn, useTenant } from "../session/session.ts";

export function TenantSwitch() {
  const { is_bound, scope } = useSignedIn();
  const tenant = useTenant();
  const [path] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const [wanted, setWanted] = useState("");
  if (is_bound)
    return (
      <p className="tenant">
        <span className="dim">Tenant</span> {tenant}
      </p>
    );
  const show = (chosen: string | null) => {
    setOpen(false);
    const place = `/${path.split("/")[1] ?? ""}`; // a thing of one tenant is none of another's
    go(addressOf(place, {}, chosen));
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    show(wanted.trim() || null);
  };
  return (
    <div className="tenant">
      <Button
        size="compact-sm"
        variant="default"
        fullWidth
        justify="space-between"
        rightSection={<span aria-hidden="true">▾</span>}
        onClick={() => {
          setWanted("");
          setOpen(true);
        }}
      >
        <span className="dim">Tenant</span>&nbsp;{tenant === EVERYWHERE ? "all" : tenant}
      </Button>
      <Dialog title="Another tenant" isOpen={isOpen} onClose={() => setOpen(false)}>
        <form className="form" onSubmit={submit}>
          <TextInput
            label="Tenant"
            placeholder={tenant}
            value={wanted}
            onChange={(event) => setWanted(event.currentTarget.value)}
            pattern="[a-z0-9_\-]{1,64}"
            autoComplete="off"
            data-autofocus
          />
          <div className="form-foot">
            {scope === "admin" && (
              <Button size="sm" variant="default" onClick={() => show(EVERYWHERE)}>
                All tenants
              </Button>
            )}
            <Button type="submit" size="sm">
              Show
            </Button>
          </div>
        </form>
      </Dialog>
    </div>
  );
}
