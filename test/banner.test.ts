import { expect, test } from "@jest/globals";

import { commandOf } from "../src/banner.ts";

test.each([
  ["/srv/posthorn/dist/cli.js", "/srv/posthorn", "node dist/cli.js"],
  ["/srv/posthorn/dist/cli.js", "/home/me", "node /srv/posthorn/dist/cli.js"],
  ["/srv/it's here/dist/cli.js", "/home/me", String.raw`node '/srv/it'\''s here/dist/cli.js'`],
  ["/app/node_modules/.bin/posthorn", "/app", "npx posthorn"],
  ["/usr/local/bin/posthorn", "/home/me", "posthorn"],
])("the program in %s is run again in %s by: %s", (script, folder, command) => {
  expect(commandOf(script, folder)).toBe(command);
});
