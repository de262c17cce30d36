// The short form of `npm run chaos` with two cells.
import { test } from "@jest/globals";

import { SHORT_CELLS } from "../../chaos/rows.ts";
import { expectSurvival, SHORT_MS } from "../helpers/chaos.ts";

test(
  "where the forwarder, a cell's database or home's dies on either side of a forwarded event's commit, it is stored once and nothing is lost, and the others' tenants go on",
  () => expectSurvival(SHORT_CELLS, 3),
  SHORT_MS,
);
