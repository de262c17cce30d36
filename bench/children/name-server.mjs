// Loaded before the service where a figure needs names of its own: c-ares asks the bench's name server, whatever servers the
// resolver finds in the machine's resolv.conf.
import { promises } from "node:dns";
import { syncBuiltinESMExports } from "node:module";

const { Resolver } = promises;
promises.Resolver = class extends Resolver {
  constructor(options) {
    super(options);
    super.setServers([process.env.BENCH_NAME_SERVER]);
  }
  setServers() {}
};
syncBuiltinESMExports();
