// Loaded before the service where a figure needs names of its own: sends c-ares to the bench's name server.
import { promises } from "node:dns";
import { syncBuiltinESMExports } from "node:module";

const { Resolver } = promises;
promises.Resolver = class extends Resolver {
  constructor(options) {
    super(options);
    this.setServers([process.env.BENCH_NAME_SERVER]);
  }
};
syncBuiltinESMExports();
