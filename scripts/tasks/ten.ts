// Ten things that people come to the dashboard for, each with the presses and seconds that it may take.
import type { Locator, Page } from "playwright-core";

import type { Scene } from "../../test/helpers/scene.ts";

/** What a person has: a mouse, a keyboard, and eyes. */
export type Hand = {
  page: Page;
  click(what: Locator): Promise<void>;
  /** Into what has the focus, or into a field that is tabbed to. */
  type(text: string, field?: Locator): Promise<void>;
  enter(): Promise<void>;
  find(text: string): Promise<void>;
  see(text: string | RegExp): Promise<void>;
};

export type Task = {
  what: string;
  presses: number;
  seconds: number;
  isAdmins?: boolean;
  run(hand: Hand): Promise<void>;
};

/** The ten, for a scene in which this event has died at Billing. */
export function tasks({ crm, publish }: Scene, event: string): Task[] {
  const rowOf = (page: Page, name: string | RegExp) =>
    page.getByRole("row").filter({ hasText: name }).getByRole("link");
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
  const view = (page: Page, name: string) =>
    page.getByRole("navigation").getByRole("link", { name });
  const inDialog = (page: Page, name: string) =>
    page.getByRole("dialog").getByRole("button", { name });
  return [
    {
      what: "this event did not arrive at Billing: why",
      presses: 2,
      seconds: 15,
      async run({ find, click, see, page }) {
        await find(event);
        await click(rowOf(page, "Billing"));
        await see("Dead: refused by its status");
      },
    },
    {
      what: "order-1 did not arrive at the branch office: why",
      presses: 4,
      seconds: 30,
      async run({ find, click, see, page }) {
        await find("order-1");
        await click(rowOf(page, "Event"));
        await see("Takes in other channels");
      },
    },
    {
      what: "a receiver answered 500: what was sent, what came back, as curl",
      presses: 4,
      seconds: 30,
      async run({ click, type, enter, see, page }) {
        await click(view(page, "Deliveries"));
        await type("500", page.getByLabel("Response"));
        await enter();
        await click(rowOf(page, "Billing"));
        await see("the ledger is locked");
        await click(page.getByRole("button", { name: "Copy as curl" }));
        await see("Copied the request as curl");
      },
    },
    {
      what: "which webhooks are in trouble, since when, why, what is held until when",
      presses: 1,
      seconds: 10,
      async run({ see }) {
        await see("In trouble");
        await see("Archive");
        await see(/dropped/i);
      },
    },
    {
      what: "send again all that died since a time, see how far it is, stop it",
      presses: 6,
      seconds: 60,
      async run({ click, see, page }) {
        await click(page.getByRole("link", { name: "Billing" }));
        await click(button(page, "Replay"));
        await page
          .getByRole("dialog")
          .getByText(/^\d+ events?$/)
          .waitFor();
        await click(inDialog(page, "Replay"));
        await see(/of \d+ events? through/);
        await click(button(page, "Stop"));
        await click(inDialog(page, "Stop"));
        await see(/^Stopped:/);
      },
    },
    {
      what: "add a webhook for two types, keep its key, send a test",
      presses: 8,
      seconds: 90,
      async run({ click, type, see, page }) {
        await click(view(page, "Webhooks"));
        await click(page.getByRole("link", { name: "New webhook" }));
        await type(`${crm.url}new`, page.getByLabel("URL", { exact: true }));
        await type("order.created,order.paid,", page.getByRole("combobox", { name: "Events" }));
        await click(button(page, "Create"));
        await click(page.getByRole("dialog").getByRole("button", { name: /Copy the signing key/ }));
        await click(inDialog(page, "I have stored it"));
        await click(button(page, "Send a test"));
        await click(inDialog(page, "Send"));
        await see("Answered 200");
      },
    },
    {
      what: "rotate a key, knowing until when the old one signs",
      presses: 4,
      seconds: 40,
      async run({ click, see, page }) {
        await click(view(page, "Webhooks"));
        await click(rowOf(page, "CRM"));
        await click(button(page, "Rotate key"));
        await see(/until/i);
        await click(page.getByRole("dialog").locator("button[type=submit]"));
        await button(page, "I have stored it").waitFor();
      },
    },
    {
      what: "pause a webhook, resume it, and watch what was held go",
      presses: 4,
      seconds: 30,
      async run({ click, see, page }) {
        await click(page.getByRole("link", { name: "Billing" }));
        await click(button(page, "Pause").last());
        await click(inDialog(page, "Pause"));
        await see("Paused: what is published for it is held");
        await publish("order.paid", { order: 43 });
        await click(button(page, "Resume").last());
        await see(/Resumed/);
      },
    },
    {
      what: "“we never got number 41”: which event, why, send again",
      presses: 4,
      seconds: 30,
      async run({ click, type, enter, see, page }) {
        await click(view(page, "Deliveries"));
        await type("Billing", page.getByLabel("Webhook", { exact: true }));
        await page.keyboard.press("Tab");
        await type("41");
        await enter();
        await rowOf(page, "delivered").first().waitFor({ state: "detached" });
        await click(rowOf(page, "dead"));
        await see("Dead: refused by its status");
        await click(button(page, "Send again"));
        await see("Sent again: this is the new delivery");
      },
    },
    {
      what: "give a customer a portal link that only reads, for a week; take it back",
      presses: 6,
      seconds: 45,
      isAdmins: true,
      async run({ click, page }) {
        await click(view(page, "Keys"));
        await click(button(page, "New portal link"));
        await page.getByLabel("The session lasts").selectOption("604800"); // by typing its name
        await click(button(page, "Make the link"));
        await click(button(page, "I have stored it"));
        await click(
          page
            .getByRole("row")
            .filter({ hasText: "read, portal" })
            .getByRole("button", { name: "Revoke" }),
        );
        await click(inDialog(page, "Revoke"));
        await page.getByRole("dialog").waitFor({ state: "hidden" });
      },
    },
  ];
}
