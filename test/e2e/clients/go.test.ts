import { join } from "node:path";

import { afterAll, beforeAll } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { testWith, WITHOUT_C } from "../../helpers/programs.ts";
import { generateClient } from "./openapi-generator.ts";
import { commandArguments, snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

const HEADING = "Go";
const GO_MOD = "module example.com/app\n\ngo 1.19\n"; // the oldest that compiles it
const OFFLINE = { ...WITHOUT_C, GOTOOLCHAIN: "local", GOPROXY: "off", GOFLAGS: "-mod=mod" }; // it needs nothing but Go
const testIf = testWith({
  go: ["version"],
  java: ["-version"],
  python3: ["-c", "import ensurepip, venv"],
});
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
});

afterAll(() => workshop.close());

testIf(
  "the client in Go passes vet, subscribes, publishes, lists, and reads a refusal, of a later version too",
  async () => {
    await generateClient(workshop, commandArguments(HEADING, "openapi-generator-cli generate"));
    await workshop.write("go.mod", GO_MOD);
    await workshop.write("main.go", snippet(HEADING, "go"));
    await workshop.run("go", ["vet", ".", "./posthorn"], OFFLINE);
    await workshop.run("go", ["build", "-o", "app", "."], OFFLINE);
    const app = join(workshop.folder, "app");
    await playStory((env) => workshop.run(app, [], env));
    await playStoryWithNextVersion((env) => workshop.run(app, [], env));
  },
  15 * MINUTE,
);
