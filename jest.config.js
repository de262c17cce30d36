import { findBrowser } from "./test/helpers/find-browser.mjs";

export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // Without a browser one test is left of these, which says how to get one.
  testPathIgnorePatterns: [
    "/node_modules/",
    ...(findBrowser() ? [] : ["/test/dashboard/(?!browser)"]),
  ],
  globalSetup: "<rootDir>/test/helpers/global-setup.ts",
  globalTeardown: "<rootDir>/test/helpers/global-teardown.ts",
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { target: "es2023" } }] },
  testTimeout: 120_000, // for what hangs: nothing is said of how quick it is, which differs from machine to machine
  testSequencer: "<rootDir>/test/helpers/sequencer.mjs",
  maxWorkers: 3, // on two cores: much of the time a test waits for a delay, a receiver or the database
};
