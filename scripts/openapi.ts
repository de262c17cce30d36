// Writes openapi.yaml from the router; with --check it only says whether the file is still the router's.
import { openapiYaml } from "../src/http/openapi.ts";
import { writeOrCompare } from "./generated.ts";

writeOrCompare("openapi.yaml", openapiYaml(), "npm run openapi");
