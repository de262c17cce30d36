// jest runs this once, after all tests, whether they passed or not.

export default async function tearDown(): Promise<void> {
  await globalThis.posthornTestServer?.stop();
}
