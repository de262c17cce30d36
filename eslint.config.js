// The rules of the house that a program can check. Each exception stands with its reason.
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const TIME_AND_CHANCE =
  "time, randomness and ids are arguments: kernel/ and service.ts alone make them";

export default defineConfig(
  globalIgnores(["**/dist/", "coverage/", ".cache/", "**/generated/"]),
  tseslint.configs.strictTypeChecked,
  {
    // One program for all files: the service that editors use takes a third longer.
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.json", "./src/dashboard/tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "@typescript-eslint/consistent-type-definitions": ["error", "type"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true }, // a default that answers is an answer
      ],
      // A number in a text needs no String(…).
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `return resolve()` leaves early, `() => close()` hands on a call whose value nobody reads.
      "@typescript-eslint/no-confusing-void-expression": "off",
      // ajv's dialects and Express's requests are one another's in form, not by constructor.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // Node's own promises reject with errors; the parameter's type says which fields are looked at.
      "@typescript-eslint/use-unknown-in-catch-callback-variable": "off",
      // Our objects are records of functions, without a `this` that could be lost.
      "@typescript-eslint/unbound-method": "off",
      // `const { secret: _, ...rest }` is how a field is left out.
      "@typescript-eslint/no-unused-vars": [
        "error",
        { varsIgnorePattern: "^_", argsIgnorePattern: "^_" },
      ],
    },
  },
  {
    files: ["src/**"],
    rules: {
      "no-console": "error", // there is a log
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true } }],
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "config.ts alone reads the environment" },
        { object: "Date", property: "now", message: TIME_AND_CHANCE },
        { object: "performance", property: "now", message: TIME_AND_CHANCE },
        { object: "Math", property: "random", message: TIME_AND_CHANCE },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: TIME_AND_CHANCE,
        },
      ],
    },
  },
  {
    // One reads the environment, one hands it over; the others are where clocks and dice come from.
    files: ["src/config.ts", "src/cli/**", "src/kernel/**", "src/service.ts"],
    rules: { "no-restricted-properties": "off", "no-restricted-syntax": "off" },
  },
  {
    // A page has no service.ts to be handed its clock and dice by.
    files: ["src/dashboard/api/clock.ts"],
    rules: { "no-restricted-properties": "off" },
  },
  {
    // What is loaded when one goes there is a file's default.
    files: ["src/dashboard/views/*/*.tsx", "src/dashboard/parts/plot.tsx"],
    rules: { "no-restricted-exports": "off" },
  },
  {
    // The receiver's module stands alone: its clock is the default of an argument.
    files: ["src/verify/verify-webhook.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
  {
    // A test looks into answers of any form, and knows what its own fixtures hold.
    files: ["test/**", "bench/**", "chaos/**", "examples/**"],
    rules: {
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-misused-spread": "off",
      // An async handler that throws fails the test, as it should.
      "@typescript-eslint/no-misused-promises": [
        "error",
        { checksVoidReturn: { arguments: false } },
      ],
    },
  },
  {
    // Plain JavaScript is run as it stands.
    files: ["**/*.{js,mjs}"],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
