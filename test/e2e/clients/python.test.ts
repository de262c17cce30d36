import { afterAll, beforeAll } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { testWith } from "../../helpers/programs.ts";
import { generateClient, pythonWithRequirements } from "./openapi-generator.ts";
import { commandArguments, snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

const HEADING = "Python";
const testIf = testWith({ java: ["-version"], python3: ["-c", "import ensurepip, venv"] });
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
});

afterAll(() => workshop.close());

testIf(
  "the client in Python compiles, subscribes, publishes, lists, and reads a refusal, of a later version too",
  async () => {
    await generateClient(workshop, commandArguments(HEADING, "openapi-generator-cli generate"));
    await workshop.write("app.py", snippet(HEADING, "python"));
    const python = await pythonWithRequirements();
    await workshop.run(python, ["-m", "compileall", "-q", "posthorn", "app.py"]);
    await playStory((env) => workshop.run(python, ["app.py"], env));
    await playStoryWithNextVersion((env) => workshop.run(python, ["app.py"], env));
  },
  15 * MINUTE,
);
