// Without a browser the other tests of this folder are left out (jest.config.js), and this one says so.
import { test } from "@jest/globals";

import { NO_BROWSER, startBrowser } from "../helpers/browser.ts";
import { findBrowser } from "../helpers/find-browser.mjs";

const testIf = findBrowser() || process.env["CI"] ? test : test.skip;

testIf(findBrowser() ? "there is a browser to look with" : NO_BROWSER, async () => {
  await (await startBrowser()).close();
});
