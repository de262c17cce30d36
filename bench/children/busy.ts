// Takes all of a processor that it can get.
const SPIN_MS = 20;

process.on("disconnect", () => process.exit());
spin();

function spin(): void {
  const until = performance.now() + SPIN_MS;
  while (performance.now() < until);
  setImmediate(spin);
}
