// A list as a table: its rows are links, only those in sight are drawn, and columns keep their widths.
import { Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { idOf, type List } from "../api/list.ts";
import { Time } from "./time.tsx";
import "./table.css";

const ROW_PX = 40;
const FLEXIBLE_PX = 120; // of a column without a width: below, the table scrolls in its box
const AHEAD = 20; // rows before the end at which the next page is read

export type Column<T> = {
  title: string;
  /** A CSS width; those without one share what is left. */
  width?: string;
  /** Numbers stand to the right. */
  isNumber?: boolean;
  cell(row: T): ReactNode;
};

export type TableProps<T> = {
  /** What it lists, for who listens to it. */
  label: string;
  list: List<T>;
  columns: Column<T>[];
  /** What names a row, and where it leads: the link covers the row. */
  link(row: T): { href?: string; text: ReactNode };
  linkTitle: string;
  linkWidth?: string;
  /** Something before each row, like the box that selects it. */
  before?(row: T): ReactNode;
  /** Told when the list is scrolled, or is at its top again. */
  onScrolled?(isScrolled: boolean): void;
};

export function Table<T>({
  label,
  list,
  columns,
  link,
  linkTitle,
  linkWidth,
  before,
  onScrolled,
}: TableProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [isScrolled, setScrolled] = useState(false);
  const rows = useVirtualizer({
    count: list.count,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const [from, to] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  const { look, more, hasMore, isReadingMore, moreFailure, searchedUntil } = list;
  const readsOn = hasMore && !isReadingMore && !moreFailure && searchedUntil === null;
  const isNearEnd = to >= list.count - AHEAD;
  useEffect(() => look(from, to), [look, from, to]);
  useEffect(() => {
    if (readsOn && isNearEnd && isScrolled) more();
  }, [readsOn, isNearEnd, isScrolled, more]);

  const onScroll = () => {
    const is = (box.current?.scrollTop ?? 0) > ROW_PX;
    if (is === isScrolled) return;
    setScrolled(is);
    onScrolled?.(is);
  };
  const toTop = () => {
    box.current?.scrollTo({ top: 0 });
    list.showNew();
  };
  const widths = columns.map(({ width: wide }) =>
    Number(/^(\d+)px$/.exec(wide ?? "")?.[1] ?? FLEXIBLE_PX),
  );
  const minWidth = widths.reduce((sum, each) => sum + each, FLEXIBLE_PX + (before ? 40 : 0));
  const width = columns.length + 1 + (before ? 1 : 0);
  const spacer = (height: number) =>
    height > 0 && (
      <tr aria-hidden="true">
        <td colSpan={width} style={{ height }} />
      </tr>
    );
  const last = items.at(-1);

  return (
    <div className="table-frame">
      {list.newCount > 0 && (
        <Button className="table-new" size="compact-sm" onClick={toTop}>
          {list.newCount} new: show
        </Button>
      )}
      <div
        className={`table-box${list.failure ? " is-old" : ""}`}
        ref={box}
        onScroll={onScroll}
        tabIndex={0}
        role="region"
        aria-label={label}
      >
        <table style={{ minWidth }} aria-rowcount={hasMore ? -1 : list.count + 1}>
          <colgroup>
            {before && <col style={{ width: "40px" }} />}
            <col style={{ width: linkWidth }} />
            {columns.map(({ title, width: wide }) => (
              <col key={title} style={{ width: wide }} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {before && (
                <th>
                  <span className="visually-hidden">Select</span>
                </th>
              )}
              <th scope="col">{linkTitle}</th>
              {columns.map(({ title, isNumber }) => (
                <th key={title} scope="col" className={isNumber ? "is-number" : undefined}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {spacer(items[0]?.start ?? 0)}
            {items.map(({ index }) => {
              const row = list.rowAt(index);
              if (row === null)
                return (
                  <tr key={index} aria-rowindex={index + 2}>
                    <td colSpan={width} className="is-read-again">
                      …
                    </td>
                  </tr>
                );
              const { href, text } = link(row);
              return (
                <tr key={idOf(row)} aria-rowindex={index + 2}>
                  {before && <td className="is-above">{before(row)}</td>}
                  <td>
                    {href ? (
                      <a href={href} className="row-link">
                        {text}
                      </a>
                    ) : (
                      text
                    )}
                  </td>
                  {columns.map(({ title, cell, isNumber }) => (
                    <td key={title} className={isNumber ? "is-number" : undefined}>
                      {cell(row)}
                    </td>
                  ))}
                </tr>
              );
            })}
            {last && spacer(rows.getTotalSize() - last.end)}
          </tbody>
        </table>
      </div>
      {hasMore && (
        <div className="table-foot">
          {moreFailure ? moreFailure.message : null}
          {searchedUntil && !moreFailure && (
            <span>
              Searched back to <Time at={searchedUntil} as="clock" />.
            </span>
          )}
          <Button size="compact-sm" variant="default" loading={isReadingMore} onClick={more}>
            {searchedUntil ? "Search further back" : moreFailure ? "Retry" : "More"}
          </Button>
        </div>
      )}
    </div>
  );
}
