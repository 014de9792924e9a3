-- Writes the events of an append, the new versions of their streams and the new head, in one statement, and only
-- where the space still has the head that the append was planned on: who moved it meanwhile holds the row until its
-- commit, and then this writes nothing and answers with no row. Where $4 names an event, it is at that head: the append
-- may be planned on one that was not answered yet, and somebody else may have come first and moved the head by as much.
-- The other parts take their rows from the first one, so the row is locked before anything is written.
-- The events travel column by column, as arrays, and are unnested where they are selected, not in a `from`, which
-- would keep all rows until the last one is there: both measured cheaper than a list of objects.
with moved as (
  update {schema}.spaces
  set head = $3::text::bigint
  where space = $1::text and head = $2::text::bigint and erased_at is null
    and ($4::text = '' or exists (
      select from {schema}.events
      where space = $1::text and position = $2::text::bigint and id = nullif($4::text, '')::uuid
    ))
  returning head
), written as (
  insert into {schema}.events
    (space, position, id, commit_id, stream_id, version, event_type, payload, metadata, occurred_at)
  select $1::text, e.*
  from moved, (
    select
      generate_series($2::text::bigint + 1, $3::text::bigint) as position,
      unnest($5::uuid[]) as id,
      unnest($6::uuid[]) as commit_id,
      unnest($7::text[]) as stream_id,
      unnest($8::bigint[]) as version,
      unnest($9::text[]) as event_type,
      unnest($10::jsonb[]) as payload,
      unnest($11::jsonb[]) as metadata,
      unnest($12::timestamptz[]) as occurred_at
  ) e
), versions as (
  insert into {schema}.streams (space, stream_id, version)
  select $1::text, s.*
  from moved, (select unnest($13::text[]) as stream_id, unnest($14::bigint[]) as version) s
  on conflict (space, stream_id) do update set version = excluded.version
)
select head::text
from moved
