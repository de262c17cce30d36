// The dashboard's start.
import "./styles/mantine.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app.tsx";
import { applyAccent } from "./theme.ts";
import { session } from "./session/session.ts";

applyAccent(document.documentElement);
const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
void session.begin();
