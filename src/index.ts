// The package's front door. The service is started by the command `posthorn`; programs use "posthorn/client" to talk
// to it and "posthorn/verify" to receive from it.

export { VERSION } from "./kernel/version.ts";
export { migrate } from "./database/migrate.ts";
