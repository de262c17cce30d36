// The browser that the tests of the dashboard drive: any Chromium.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "microsoft-edge",
];

/** Where it is: as POSTHORN_TEST_BROWSER says, else on the PATH; undefined where there is none. */
export function findBrowser({ POSTHORN_TEST_BROWSER: named, PATH = "" } = process.env) {
  const places = PATH.split(delimiter).filter((folder) => folder !== "");
  const candidates = NAMES.flatMap((name) => places.map((folder) => join(folder, name)));
  return (named ? [named] : candidates).find(isProgram);
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
