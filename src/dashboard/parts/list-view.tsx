// A list with its filters, in whichever of the states it is.
import type { ReactNode } from "react";

import type { Filters } from "../address/filters.ts";
import { now } from "../api/clock.ts";
import type { List } from "../api/list.ts";
import { useIsEverywhere, useSignedIn } from "../session/session.ts";
import { Away } from "./away.tsx";
import { Failed, Loading, NoMatch, TooOld } from "./states.tsx";
import { Stale } from "./stale.tsx";
import { Table, type Column, type TableProps } from "./table.tsx";

const DAY_MS = 86_400_000;

export type ListViewProps<T> = Omit<TableProps<T>, "label"> & {
  /** What it lists, in the plural. */
  what: string;
  list: List<T>;
  filters: Filters;
  /** What stands there before there is any. */
  empty: ReactNode;
};

const tenantOf = (row: unknown) => (row as { tenant?: string } | null)?.tenant;

const TENANT: Column<unknown> = {
  title: "Tenant",
  width: "110px",
  cell: (row) => <span className="stranger">{tenantOf(row)}</span>,
};

/** Shows the list, or why there is nothing of it to see. */
export function ListView<T>({ what, list, filters, empty, columns, ...table }: ListViewProps<T>) {
  const isOfMany = useIsEverywhere() && tenantOf(list.rowAt(0)) !== undefined;
  const { retention_d: days } = useSignedIn().settings;
  const until = filters.given("until");
  const isGone = until !== undefined && Date.parse(until) < now() - days * DAY_MS;
  if (list.isLoading) return <Loading what={`Reading ${what}`} />;
  if (list.failure && list.count === 0)
    return <Failed failure={list.failure} onRetry={list.retry} />;
  const away = <Away cells={list.away} />;
  if (list.count === 0 && !list.hasMore)
    return (
      <>
        {away}
        {isGone ? (
          <TooOld days={days} onClear={filters.clear} />
        ) : filters.isSet ? (
          <NoMatch what={what} onClear={filters.clear} />
        ) : (
          empty
        )}
      </>
    );
  return (
    <>
      {away}
      <Stale failure={list.failure} onRetry={list.retry} />
      <Table
        label={what}
        list={list}
        columns={isOfMany ? [TENANT, ...columns] : columns}
        {...table}
      />
    </>
  );
}
