// Writes .env.example from the settings; with --check it only says whether the file is still theirs.
import { envExample } from "../src/config.ts";
import { writeOrCompare } from "./generated.ts";

writeOrCompare(".env.example", envExample(), "npm run env-example");
