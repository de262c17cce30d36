// What every view asks by: one hook to read a thing, one to act. Lists have theirs in list.ts.
import {
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { session, useClient } from "../session/session.ts";
import { localNow } from "./clock.ts";
import { failureOf, type Failure } from "./failure.ts";
import type { Input, ListName, Name, Output, Page, Row } from "./operations.ts";
import { freshness, pollAfter, refresh, SLOWLY_MS } from "./refresh.ts";

/** Makes the page's cache of answers. A refused key ends the session, whichever call it was that was refused. */
export function createQueryClient(): QueryClient {
  const onError = (error: unknown) => {
    if (failureOf(error).status === 401) session.expire();
  };
  return new QueryClient({
    defaultOptions: {
      // "always": a machine without a network still reaches its own loopback.
      queries: { retry: false, networkMode: "always", refetchIntervalInBackground: false },
      mutations: { retry: false, networkMode: "always" },
    },
    queryCache: new QueryCache({
      onSuccess: () => freshness.set({ updatedAt: localNow(), failingSince: null }),
      onError: (error) => {
        onError(error);
        const { updatedAt, failingSince } = freshness.get();
        freshness.set({ updatedAt, failingSince: failingSince ?? localNow() });
      },
    }),
    mutationCache: new MutationCache({ onError }),
  });
}

export type Info<T> = {
  data: T | undefined;
  failure: Failure | null;
  isLoading: boolean;
  retry(): void;
};

export type ReadOptions = {
  /** Not asked while false. */
  when?: boolean;
  /** Asked once and not again, where it does not change. */
  once?: boolean;
  /** Asked each half minute at most, where it changes slowly or costs much. */
  slowly?: boolean;
  /** Of another tenant than the one that is looked at; `*`: of all, for admins. */
  tenant?: string;
  /** Shows the answer to the input before until the new one is there. */
  keepsPrevious?: boolean;
};

/**
 * Reads a thing and keeps it fresh. It is never asked again before the last answer has come, in a hidden tab, or while
 * refreshing is paused.
 */
export function useInfo<N extends Name>(
  name: N,
  input: Input<N>,
  { when = true, once = false, slowly = false, keepsPrevious = false, tenant }: ReadOptions = {},
): Info<Output<N>> {
  const client = useClient(tenant);
  return useAnswer<Output<N>>(
    [client.id, name, input],
    (signal) => client.read(name, input, signal),
    client.isReady,
    { when, once, slowly, keepsPrevious },
  );
}

const PAGE_SIZE = 200; // the most that there is
const PAGES_MAX = 50; // of what has a limit of its own far below

/** Reads all of a list that is short: the types of a tenant, which are some thousands at most. */
export function useWhole<N extends ListName>(name: N, { once = false } = {}): Info<Row<N>[]> {
  const client = useClient();
  return useAnswer<Row<N>[]>(
    [client.id, name, "whole"],
    async (signal) => {
      const rows: Row<N>[] = [];
      let cursor: string | null | undefined;
      for (let pages = 0; pages < PAGES_MAX && cursor !== null; pages++) {
        const input = { page_size: PAGE_SIZE, ...(cursor && { cursor }) } as Input<N>;
        const page = (await client.read(name, input, signal)) as Page<Row<N>>;
        rows.push(...page.data);
        cursor = page.pagination_data.next_cursor;
      }
      return rows;
    },
    client.isReady,
    { when: true, once, slowly: true, keepsPrevious: false },
  );
}

function useAnswer<T>(
  queryKey: unknown[],
  ask: (signal: AbortSignal) => Promise<T>,
  isReady: boolean,
  { when, once, slowly, keepsPrevious }: Required<Omit<ReadOptions, "tenant">>,
): Info<T> {
  refresh.use();
  const query = useQuery<T>({
    queryKey,
    queryFn: ({ signal }) => ask(signal),
    enabled: when && isReady,
    staleTime: once ? Infinity : slowly ? SLOWLY_MS : 1_000,
    refetchInterval: once ? false : ({ state }) => pollAfter(state.status === "error", slowly),
    refetchOnWindowFocus: () => !once && !refresh.get().isPaused,
    placeholderData: keepsPrevious ? keepPreviousData : undefined,
  });
  const failure = query.error ? failureOf(query.error) : null;
  return {
    data: query.data,
    failure: failure?.status === 401 ? null : failure, // the sign-in says so
    isLoading: query.isPending && when,
    retry: () => void query.refetch(),
  };
}

export type Action<N extends Name> = {
  /** Does it and answers what came of it; where it is under way, or fails, undefined. */
  run(input: Input<N>): Promise<Output<N> | undefined>;
  isRunning: boolean;
  failure: Failure | null;
  reset(): void;
};

/** Does something, once however often it is pressed; afterwards all that is shown is asked again. */
export function useAction<N extends Name>(name: N): Action<N> {
  const client = useClient();
  const queries = useQueryClient();
  const mutation = useMutation<Output<N>, unknown, Input<N>>({
    mutationKey: [name],
    mutationFn: (input) => client.act(name, input),
    onSuccess: () => void queries.invalidateQueries(),
  });
  const isRunning = () => queries.isMutating({ mutationKey: [name] }) > 0;
  return {
    run: async (input) => {
      if (isRunning()) return undefined;
      return mutation.mutateAsync(input).catch(() => undefined);
    },
    isRunning: mutation.isPending,
    failure: mutation.error ? failureOf(mutation.error) : null,
    reset: mutation.reset,
  };
}

type CountedName = "webhooks.replay" | "webhooks.retry_dead" | "webhooks.cancel_pending";

/** Counts what an action would be done to, by its dry run: anew at each opening of its dialog, at none before the first. */
export function useCount<N extends CountedName>(name: N, input: Input<N>, opening: number) {
  const client = useClient();
  const query = useQuery<{ matched: number; is_exact?: boolean }>({
    queryKey: [client.id, "count", name, input, opening],
    queryFn: () => client.act(name, { ...input, dry_run: true }),
    enabled: opening > 0,
    staleTime: Infinity,
    gcTime: 0,
  });
  return {
    number: query.data?.matched ?? 0,
    isExact: query.data?.is_exact ?? true,
    isLoading: query.isPending,
    failure: query.error ? failureOf(query.error) : null,
  };
}
