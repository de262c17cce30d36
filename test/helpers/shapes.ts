// Whether objects have one shape, by what V8 itself says: two of one shape share their hidden class.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--allow-natives-syntax");
const haveSameMap = runInNewContext("(one, other) => %HaveSameMap(one, other)") as (
  one: object,
  other: object,
) => boolean;
haveSameMap({}, {}); // compiled with its first call, for which the flag has to be there
setFlagsFromString("--no-allow-natives-syntax");

const FIRST = 50; // V8 learns from the first ones what the others will be

/** Makes objects one after the other, and answers whether the last two have one shape. */
export async function haveOneShape(make: () => object | Promise<object>): Promise<boolean> {
  for (let n = 0; n < FIRST; n++) await make();
  return haveSameMap(await make(), await make());
}
