-- Events whose payload and answers were blanked for good. An attempt that was under way then is recorded later, with its
-- answer: so each is looked at again for a day, seldom and seldomer, until `look_at` is null. The row itself stays, as
-- the proof of the erasure.
create table posthorn.erasures (
  tenant text collate "C" not null,
  event_id uuid not null,
  erased_at timestamptz not null,
  look_at timestamptz,
  primary key (tenant, event_id)
);
create index erasures_to_look_at on posthorn.erasures (look_at) where look_at is not null;
