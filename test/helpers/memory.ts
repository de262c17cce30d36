// What memory is held, and not what garbage happens to lie about.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The bytes of array buffers that are in use, once what is not has been let go of. */
export function arrayBufferBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}
