// Series as data, so that they can be added up: those of a process and of its database, and those of several processes.
import { AggregatorRegistry, type Registry } from "prom-client";

/** A metric with its values, as prom-client tells and takes it. */
export type Series = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>[number];

/** What one process tells: of its own work, and of the database where it is the one of all that does. */
export type Report = { own: Series[]; ofDatabase: Series[] };

/** /metrics as it is answered. */
export type Scrape = { contentType: string; text: string };

/** The values of a registry as they are now. */
export function seriesOf(registry: Registry): Promise<Series[]> {
  return registry.getMetricsAsJSON();
}

/** The sum of several, by name and labels, as text. */
export async function printSum(several: readonly Series[][]): Promise<Scrape> {
  const registry = AggregatorRegistry.aggregate([...several]);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

/** What has been counted, of several together: what a process that is gone has done stays done. */
export function countedOf(several: readonly Series[][]): Promise<Series[]> {
  const counted = several.map((series) => series.filter(({ type }) => COUNTED.includes(type)));
  return seriesOf(AggregatorRegistry.aggregate(counted));
}

const COUNTED = ["counter", "histogram"] as unknown[]; // prom-client types them as an enum, and gives strings
