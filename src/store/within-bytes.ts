// Pages that end by their size: what would not fit the answer is not read either.
import { sql, type RawBuilder } from "kysely";

/**
 * Of an ordered page those rows whose sizes, each with all before it, stay within `bytesMax`, and the one that passes it;
 * each is `Sized`. `size` should not read what is stored out of line: octet_length of a text does not.
 */
export function withinBytes(
  page: RawBuilder<unknown>,
  {
    size,
    order,
    bytesMax,
  }: { size: RawBuilder<unknown>; order: RawBuilder<unknown>; bytesMax: number },
) {
  return sql`(
    select * from (
      select page.*, coalesce(${size}, 0) as bytes,
        coalesce(sum(${size}) over (order by ${order} rows unbounded preceding), 0) as bytes_to_here,
        lead(true, 1, false) over (order by ${order}) as is_followed
      from (${page}) as page
    ) as sized
    where bytes_to_here - bytes <= ${bytesMax}
  )`;
}
