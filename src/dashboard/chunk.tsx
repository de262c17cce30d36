// A part of the page that is loaded when it is first needed. React's own lazy draws it no sooner than 300 ms after it drew
// that it waits, though the chunk is there in five.
import { createElement, type ComponentType, type ReactNode } from "react";

import { Loading } from "./parts/states.tsx";
import { createStore } from "./store.ts";

type Chunk<P> = { part: ComponentType<P> | null; error: Error | null };

/** Makes the component that a chunk's default export is; `waiting` stands in its place until it is there. */
export function chunk<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  waiting: ReactNode = <Loading />,
): ComponentType<P> {
  const store = createStore<Chunk<P>>({ part: null, error: null });
  let asked: Promise<void> | undefined;
  const ask = () => {
    asked ??= load().then(
      ({ default: part }) => store.set({ part, error: null }),
      (error: unknown) => store.set({ part: null, error: error as Error }),
    );
  };
  return function Chunked(props: P) {
    const { part, error } = store.use();
    if (error) throw error; // the boundary says so
    if (part) return createElement(part, props);
    ask();
    return waiting;
  };
}
