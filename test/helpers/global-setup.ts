// jest runs this once, before all tests.
import { startTestServer, type TestServer } from "./test-server.ts";

declare global {
  var posthornTestServer: TestServer | undefined; // jest hands nothing else to the teardown
}

export default async function setUp(): Promise<void> {
  const server = await startTestServer();
  globalThis.posthornTestServer = server;
  process.env["POSTHORN_TEST_SERVER_URL"] = server.url; // jest's workers inherit it
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => void server.stop().finally(() => process.exit(1))); // jest runs no teardown then
}
