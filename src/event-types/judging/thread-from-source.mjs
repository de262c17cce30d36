// The entry of a judging thread where this is run from source: threads of Node.js 20 don't take over a process's loader.
import { register } from "tsx/esm/api";

register();
await import("./thread.ts");
