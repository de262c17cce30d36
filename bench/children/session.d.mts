/** Spends so many µs, of time that passes: on a busy machine that is more than what the thread gets of it, so too little, never too much. */
export function spend(us: number): void;
