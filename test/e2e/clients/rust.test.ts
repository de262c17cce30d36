import { join } from "node:path";

import { afterAll, beforeAll } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { testWith } from "../../helpers/programs.ts";
import { generateClient } from "./openapi-generator.ts";
import { commandArguments, snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, ROOT, type Workshop } from "./workshop.ts";

const HEADING = "Rust";
// Plain http to the loopback needs no TLS, which would be most of what is compiled.
const CARGO_TOML = `
[package]
name = "app"
version = "0.1.0"
edition = "2021"

[[bin]]
name = "app"
path = "app.rs"

[dependencies]
posthorn = { path = "posthorn", default-features = false }
serde_json = "1"

[workspace]
members = ["posthorn"]
`;
const CARGO = {
  CARGO_TARGET_DIR: join(ROOT, ".cache/clients/rust"), // what it stands on is compiled once
  CARGO_PROFILE_DEV_DEBUG: "0", // a third less to write and to link
  CARGO_INCREMENTAL: "0",
};
const testIf = testWith({
  cargo: ["--version"],
  java: ["-version"],
  python3: ["-c", "import ensurepip, venv"],
});
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
});

afterAll(() => workshop.close());

testIf(
  "the client in Rust compiles, subscribes, publishes, lists, retries, and reads a refusal, of a later version too",
  async () => {
    await generateClient(workshop, commandArguments(HEADING, "openapi-generator-cli generate"));
    await workshop.write("Cargo.toml", CARGO_TOML);
    await workshop.write("app.rs", snippet(HEADING, "rust"));
    await workshop.run("cargo", ["build", "--quiet"], CARGO);
    const app = join(CARGO.CARGO_TARGET_DIR, "debug/app");
    await playStory((env) => workshop.run(app, [], env));
    await playStoryWithNextVersion((env) => workshop.run(app, [], env));
  },
  15 * MINUTE,
);
