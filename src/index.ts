// The package's front door: Posthorn inside your own program. "posthorn/publish" publishes in your transactions,
// "posthorn/client" talks to a running service, and "posthorn/verify" receives from one.
import type { Settings } from "./config.ts";
import type { Posthorn, StartOptions } from "./service/start.ts";

export { VERSION } from "./kernel/version.ts";
export { migrate } from "./database/migrate.ts";
export { StartError } from "./kernel/errors.ts";
export type { Settings } from "./config.ts";
export type { Posthorn, StartOptions } from "./service/start.ts";

/**
 * Runs the API, the delivery loop or both inside this process, as `posthorn serve`, `api` and `worker` do in one of their
 * own. The settings have the names, defaults and checks of the environment, which itself is not read; a bad one throws a
 * StartError that names it. Nothing of the process is changed: no signal is handled, and nothing ends it. Call `stop()` before
 * it ends: what is in flight is finished then.
 *
 * @example
 * const posthorn = await startPosthorn({ DATABASE_URL, POSTHORN_SECRETS_KEY }, { listen: false });
 * app.use("/webhooks", posthorn.app);
 * process.once("SIGTERM", () => void posthorn.stop());
 */
export async function startPosthorn(
  settings: Settings = {},
  options: StartOptions = {},
): Promise<Posthorn> {
  const { start } = await import("./service/start.ts");
  return start(settings, options);
}
