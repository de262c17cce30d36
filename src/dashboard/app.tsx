// The page: who is signed in sees the views, who is not the sign-in.
import { createTheme, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { Router } from "wouter";

import { baseOf, useAddressTenant, useHashPath, useHashQuery } from "./address/hash.ts";
import { createQueryClient } from "./api/queries.ts";
import { Boundary } from "./boundary.tsx";
import { Loading } from "./parts/states.tsx";
import { Routes } from "./routes.tsx";
import { session } from "./session/session.ts";
import { isPortal } from "./session/portal.ts";
import { EndedPage } from "./shell/ended.tsx";
import { Shell } from "./shell/shell.tsx";
import { SignInPage } from "./shell/sign-in.tsx";
import { colorScheme, schemeManager } from "./theme.ts";

const theme = createTheme({ respectReducedMotion: true, cursorType: "pointer" });

export function App() {
  return (
    // Variables and classes are in files: this page may have no style element.
    <MantineProvider
      theme={theme}
      defaultColorScheme={colorScheme}
      colorSchemeManager={schemeManager}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <Signed />
    </MantineProvider>
  );
}

function Signed() {
  const { isReady, info, number, isExpired } = session.use();
  const tenant = useAddressTenant();
  const [path] = useHashPath();
  // Another who signs in sees nothing of what the last one saw.
  const queries = useMemo(() => createQueryClient(), [number]);
  useEffect(() => {
    if (!isExpired) void queries.invalidateQueries();
  }, [isExpired, queries]);
  if (!isReady) return <Loading what="Signing in" />;
  if (info === null) return isPortal ? <EndedPage /> : <SignInPage />;
  return (
    <QueryClientProvider client={queries}>
      <Router hook={useHashPath} searchHook={useHashQuery} base={baseOf(tenant)}>
        <Shell>
          <Boundary key={path}>
            <Routes key={`${number} ${tenant ?? ""}`} />
          </Boundary>
        </Shell>
      </Router>
    </QueryClientProvider>
  );
}
