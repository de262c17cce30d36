// What stands around every view: where one can go, the search, how fresh it is, and who is signed in.
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useLocation } from "wouter";

import { linkTo, paths } from "../address/links.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Notices } from "../parts/notices.tsx";
import { session, useMay, useSignedIn, type Right } from "../session/session.ts";
import { isPortal } from "../session/portal.ts";
import { EndedDialog } from "./ended.tsx";
import { HeldBanner } from "./held.tsx";
import { RefreshControl } from "./refresh-control.tsx";
import { Search } from "./search.tsx";
import { SignInForm } from "./sign-in.tsx";
import { TenantSwitch } from "./tenant-switch.tsx";
import "./shell.css";

const PLACES: { name: string; path: string; needs: Right }[] = [
  { name: "Overview", path: paths.overview, needs: "read" },
  { name: "Webhooks", path: paths.webhooks, needs: "read" },
  { name: "Events", path: paths.events, needs: "read" },
  { name: "Deliveries", path: paths.deliveries, needs: "read" },
  { name: "Event types", path: paths.eventTypes, needs: "read" },
  { name: "Keys", path: paths.keys, needs: "admin" },
];

export function Shell({ children }: { children: ReactNode }) {
  const { isExpired } = session.use();
  const { scope, key, version } = useSignedIn();
  const may = useMay();
  const [path] = useLocation();
  const isHere = (place: string) =>
    path === place || (place !== "/" && path.startsWith(`${place}/`));
  const skip = () => document.getElementById("main")?.focus();
  return (
    <div className="shell">
      <a
        className="skip"
        href={linkTo(path)}
        onClick={(event) => {
          event.preventDefault();
          skip();
        }}
      >
        Skip to the content
      </a>
      <header className="shell-top">
        <a className="brand" href={linkTo(paths.overview)}>
          Posthorn
        </a>
        <Search />
        <RefreshControl />
      </header>
      <div className="shell-side">
        <TenantSwitch />
        <nav aria-label="Views">
          {PLACES.filter(({ needs }) => may(needs)).map(({ name, path: place }) => (
            <a key={name} href={linkTo(place)} aria-current={isHere(place) ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <div className="shell-who">
          <p title={key.name}>{key.name}</p>
          <p className="dim">
            {scope} · {version}
          </p>
          {!isPortal && (
            <Button size="compact-xs" variant="default" onClick={() => session.signOut()}>
              Sign out
            </Button>
          )}
        </div>
      </div>
      <main id="main" tabIndex={-1} className="shell-main">
        <HeldBanner />
        {children}
      </main>
      <Notices />
      <EndedDialog isOpen={isPortal && isExpired} />
      <Dialog title="Sign in again" isOpen={!isPortal && isExpired} isFirm onClose={() => {}}>
        <p className="prose">
          The key is no longer valid: it has expired or was revoked. What is below stays as it is.
        </p>
        <SignInForm />
      </Dialog>
    </div>
  );
}
