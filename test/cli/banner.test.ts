import { expect, test } from "@jest/globals";

import { commandOf } from "../../src/cli/banner.ts";

test.each([
  ["/srv/posthorn/dist/cli/index.js", "/srv/posthorn", "node dist/cli/index.js"],
  ["/srv/posthorn/dist/cli/index.js", "/home/me", "node /srv/posthorn/dist/cli/index.js"],
  [
    "/srv/it's here/dist/cli/index.js",
    "/home/me",
    String.raw`node '/srv/it'\''s here/dist/cli/index.js'`,
  ],
  ["/app/node_modules/.bin/posthorn", "/app", "npx posthorn"],
  ["/usr/local/bin/posthorn", "/home/me", "posthorn"],
])("the program in %s is run again in %s by: %s", (script, folder, command) => {
  expect(commandOf(script, folder)).toBe(command);
});
