import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { BRIEFLY, testWith } from "../../helpers/programs.ts";
import { generateClient, generatorJar } from "./openapi-generator.ts";
import { commandArguments, snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

const HEADING = "Java";
const testIf = testWith({ javac: ["-version"], python3: ["-c", "import ensurepip, venv"] });
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
});

afterAll(() => workshop.close());

testIf(
  "the client in Java compiles, subscribes, publishes, lists, retries, and reads a refusal, of a later version too",
  async () => {
    await generateClient(workshop, commandArguments(HEADING, "openapi-generator-cli generate"));
    await workshop.write("App.java", snippet(HEADING, "java"));
    await workshop.write("Generated.java", GENERATED);
    const sources = join(workshop.folder, "posthorn/src/main/java");
    const files = (await readdir(sources, { recursive: true })).filter((name) =>
      name.endsWith(".java"),
    );
    const all = ["App.java", "Generated.java", ...files.map((name) => join(sources, name))];
    const jar = await generatorJar(); // has Jackson in it, of a version that its clients are made for
    const javac = [
      ...BRIEFLY.map((option) => `-J${option}`),
      "-proc:none",
      "-encoding",
      "UTF-8",
      "-d",
      "classes",
      "-cp",
      jar,
    ];
    await workshop.run("javac", [...javac, ...all]);
    const java = [...BRIEFLY, "-cp", `classes:${jar}`, "App"];
    await playStory((env) => workshop.run("java", java, env));
    await playStoryWithNextVersion((env) => workshop.run("java", java, env));
  },
  15 * MINUTE,
);

// The one annotation that the jar lacks: a project has it from javax.annotation-api.
const GENERATED = `
package javax.annotation;
public @interface Generated {
  String[] value();
  String date() default "";
  String comments() default "";
}
`;
