// `posthorn webhooks`: what there is, and what is done to one, over the API.
import type { Command } from "commander";

import type { Terminal } from "../terminal.ts";
import { addExport } from "./export.ts";
import { addImport } from "./import.ts";
import { addInfo } from "./info.ts";
import { addList } from "./list.ts";
import { addPause, addResume } from "./pause.ts";
import { addTest } from "./test.ts";

export function addWebhooks(program: Command, terminal: Terminal): void {
  const webhooks = program.command("webhooks").description("webhooks, over the API");
  addList(webhooks, terminal);
  addInfo(webhooks, terminal);
  addPause(webhooks, terminal);
  addResume(webhooks, terminal);
  addTest(webhooks, terminal);
  addImport(webhooks, terminal);
  addExport(webhooks, terminal);
}
