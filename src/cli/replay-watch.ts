// Shows how far a replay is, until its end; Ctrl-C offers to cancel it.
import { SingleBar } from "cli-progress";

import { SECOND } from "../kernel/duration.ts";
import { sleep } from "../kernel/clock.ts";
import type { Api, Client } from "./api.ts";
import { EXIT } from "./exit.ts";
import { printJson } from "./remote.ts";
import { painter, type Terminal } from "./terminal.ts";

type Replay = Awaited<ReturnType<Client["replays"]["info"]["query"]>>;

const POLL_MS = 0.5 * SECOND;

/** Follows a replay to its end and tells what became of it: 5 where not all of it was delivered, 130 where it was left. */
export async function watchReplay(
  terminal: Terminal,
  api: Api,
  id: string,
  { json }: { json?: true },
): Promise<void> {
  const interrupted = new AbortController();
  const release = terminal.onInterrupt(() => interrupted.abort());
  const show = progress(terminal);
  try {
    let state = await api(({ replays }, call) => replays.info.query({ id }, call));
    while (state.status === "running" && !interrupted.signal.aborted) {
      show.at(state);
      await sleep(POLL_MS);
      state = await api(({ replays }, call) => replays.info.query({ id }, call));
    }
    show.at(state);
    show.end();
    if (state.status === "running") {
      const ended = await offerToCancel(terminal, api, id);
      if (!ended) return;
      state = ended;
    }
    if (json) printJson(terminal, state);
    else terminal.out.write(summary(terminal, state));
    if (state.status === "cancelled") terminal.exitCode = EXIT.interrupted;
    else if (state.dead + state.cancelled > 0) terminal.exitCode = EXIT.found;
  } finally {
    show.end();
    release();
  }
}

async function offerToCancel(
  terminal: Terminal,
  api: Api,
  id: string,
): Promise<Replay | undefined> {
  const isUnwanted =
    (await terminal.confirm?.("\nCancel the replay? It goes on by itself.")) ?? false;
  if (isUnwanted) return api(({ replays }, call) => replays.cancel.mutate({ id }, call));
  terminal.err.write(
    `The replay goes on by itself. posthorn replays watch ${id} shows it, posthorn replays cancel ${id} ends it.\n`,
  );
  terminal.exitCode = EXIT.interrupted;
  return undefined;
}

// Only where a person looks on: a log has no use for a bar.
function progress({ err }: Terminal): { at(state: Replay): void; end(): void } {
  if (!err.isTTY) return { at: () => undefined, end: () => undefined };
  const bar = new SingleBar({
    stream: err,
    format: "{bar} {value}/{total} · {dead} dead",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    hideCursor: true,
    gracefulExit: false, // Ctrl-C is ours
    linewrap: false,
  });
  let isShown = false;
  return {
    at({ matched, delivered, dead, cancelled }) {
      const total = Math.max(matched, delivered + dead + cancelled);
      if (!isShown) bar.start(total, 0, { dead });
      isShown = true;
      bar.setTotal(total);
      bar.update(delivered + dead + cancelled, { dead });
    },
    end() {
      if (isShown) bar.stop();
      isShown = false;
    },
  };
}

function summary({ out }: Terminal, { status, delivered, dead, cancelled }: Replay): string {
  const paint = painter(out);
  const parts = [
    paint("green", `${delivered} delivered`),
    ...(dead > 0 ? [paint("red", `${dead} dead`)] : []),
    ...(cancelled > 0 ? [paint("yellow", `${cancelled} cancelled`)] : []),
  ];
  return `The replay is ${status}: ${parts.join(", ")}.\n`;
}
