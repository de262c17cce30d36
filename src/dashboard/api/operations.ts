// The service's operations by name, with what they take and answer: types alone.
import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";

import type { AppRouter } from "../../client/index.ts";

type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;
type Noun = Exclude<keyof Inputs, "find">;

export type Name = "find" | { [N in Noun]: `${N}.${keyof Inputs[N] & string}` }[Noun];

type Of<All, N extends string> = N extends `${infer Noun}.${infer Verb}`
  ? Noun extends keyof All
    ? Verb extends keyof All[Noun]
      ? All[Noun][Verb]
      : never
    : never
  : N extends keyof All
    ? All[N]
    : never;

export type Input<N extends Name> = Of<Inputs, N>;
export type Output<N extends Name> = Of<Outputs, N>;

/** The operations that answer a page. */
export type ListName = {
  [N in Name]: Output<N> extends { pagination_data: unknown } ? N : never;
}[Name];

/** One of what a list answers. */
export type Row<N extends ListName> = Output<N> extends { data: (infer Each)[] } ? Each : never;

/** One page of a list. */
export type Page<T> = {
  data: T[];
  pagination_data: { next_cursor: string | null; searched_until?: string | undefined };
  away?: string[] | undefined;
};
