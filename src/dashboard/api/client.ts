// Asks the service, by its tRPC client alone.
import { getUntypedClient } from "@trpc/client";

import { createClient } from "../../client/index.ts";
import type { Input, Name, Output } from "./operations.ts";

/** Where the service is: beside the folder that the page's own files lie in, whatever path a proxy puts before. */
const here = import.meta.url;
const SERVICE = new URL("..", here).href;

export type Client = {
  read<N extends Name>(name: N, input: Input<N>, signal?: AbortSignal): Promise<Output<N>>;
  act<N extends Name>(name: N, input: Input<N>): Promise<Output<N>>;
};

/** A client for a key; an admin's names its tenant. */
export function connect(apiKey: string, tenant: string | null): Client {
  const client = getUntypedClient(
    createClient({ url: SERVICE, apiKey, ...(tenant !== null && { tenant }) }),
  );
  return {
    read: (name, input, signal) =>
      client.query(name, input, signal && { signal }) as Promise<Output<typeof name>>,
    act: (name, input) => client.mutation(name, input) as Promise<Output<typeof name>>,
  };
}
