-- Ids are UUIDv7 (RFC 9562, 5.7) made here, from one clock reading that is also `created_at`.
--
-- Names are resolved by us alone, since whoever may create in any schema of the caller's search_path could put an operator
-- there that fits better than pg_catalog's: functions in SQL are `begin atomic`, so bound when they are made and still
-- inlined; those in PL/pgSQL, which are read anew in each session, pin the search_path.

-- The lowest UUID of an instant's millisecond: the bound of partitions and of searches by time.
create function posthorn.lowest_uuid_at(at timestamptz) returns uuid
language sql immutable strict parallel safe
begin atomic
  select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
end;

-- The lowest UUID of the millisecond in which a UUIDv7 was made.
create function posthorn.lowest_of_millisecond(id uuid) returns uuid
language sql immutable strict parallel safe
begin atomic
  select rpad(left(replace(id::text, '-', ''), 12), 32, '0')::uuid;
end;

-- A UUIDv7's first 17 digits, those that the clock makes. Made once for a list of ids: it is most of what an id costs.
-- The 12 bits after the version hold the fraction of the millisecond (RFC 9562, 6.2, method 3), so that ids of one
-- session rise.
create function posthorn.uuid_v7_head(at timestamptz) returns text
language sql stable parallel safe
begin atomic
  select lpad(to_hex((extract(epoch from at) * 1000000)::bigint / 1000), 12, '0')
    || '7' || lpad(to_hex((extract(epoch from at) * 1000000)::bigint % 1000 * 4096 / 1000), 3, '0') || '8';
end;

-- `item` (0 to 4095) goes before the random bits: the items of one list rise in its order. A `seed` of one's own in their
-- place makes the same id again.
create function posthorn.uuid_v7_of(head text, item integer, seed uuid) returns uuid
language sql immutable parallel safe
begin atomic
  select (head || lpad(to_hex(item), 3, '0') || right(seed::text, 12))::uuid;
end;

create function posthorn.uuid_v7(at timestamptz, item integer, seed uuid default gen_random_uuid()) returns uuid
language sql volatile strict parallel safe
begin atomic
  select posthorn.uuid_v7_of(posthorn.uuid_v7_head(at), item, seed);
end;

create function posthorn.public_id(prefix text, id uuid) returns text
language sql immutable strict parallel safe
begin atomic
  select prefix || '_' || replace(id::text, '-', '');
end;
