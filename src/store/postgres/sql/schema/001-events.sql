-- The events. The keys are the second lock behind the one rule for versions: whatever a writer believes, a position,
-- a version of a stream and an id are given once in a space. `space` leads, so that the table can be sharded by it.
create table {schema}.events (
  space text collate "C" not null,
  position bigint not null check (position between 1 and 9007199254740991),
  id uuid not null,
  commit_id uuid not null,
  stream_id text collate "C" not null,
  version bigint not null check (version between 1 and 9007199254740991),
  event_type text collate "C" not null,
  payload jsonb not null,
  metadata jsonb not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default statement_timestamp(),
  primary key (space, position),
  unique (space, stream_id, version),
  unique (space, id)
)
