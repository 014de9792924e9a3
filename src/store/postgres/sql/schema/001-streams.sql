-- The version of each stream: the number of its events.
create table {schema}.streams (
  space text collate "C" not null,
  stream_id text collate "C" not null,
  version bigint not null check (version between 1 and 9007199254740991),
  primary key (space, stream_id)
)
with (fillfactor = 80)
