// How fresh the view is, how often it is asked again, and the button that stops it.
import { Button, NativeSelect } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";

import { localNow, useNow } from "../api/clock.ts";
import { freshness, INTERVALS_S, refresh } from "../api/refresh.ts";
import { duration } from "../parts/time.tsx";

export function RefreshControl() {
  const { everyS, isPaused } = refresh.use();
  const { updatedAt, failingSince } = freshness.use();
  const queries = useQueryClient();
  useNow();
  const age = updatedAt === null ? 0 : Math.max(0, localNow() - updatedAt);
  const label =
    failingSince !== null
      ? "not refreshed"
      : updatedAt === null
        ? "reading"
        : age < 1_000
          ? "updated now"
          : `updated ${duration(Math.floor(age / 1_000) * 1_000).replace(".0", "")} ago`;
  const toggle = () => {
    refresh.set({ everyS, isPaused: !isPaused });
    if (isPaused) void queries.invalidateQueries();
  };
  return (
    <div className="refresh">
      <span className={`refresh-age${failingSince === null ? "" : " is-failing"}`}>{label}</span>
      <NativeSelect
        size="xs"
        aria-label="Refresh every"
        value={String(everyS)}
        onChange={(event) => refresh.set({ isPaused, everyS: Number(event.currentTarget.value) })}
        data={INTERVALS_S.map((seconds) => ({ value: String(seconds), label: `${seconds} s` }))}
      />
      <Button
        size="xs"
        variant="default"
        aria-label={isPaused ? "Resume refreshing" : "Pause refreshing"}
        onClick={toggle}
      >
        {isPaused ? "Resume" : "Pause"}
      </Button>
    </div>
  );
}
