-- Writes the events of an append and the new head, in one statement, and only where the space still has the head that
-- the append was planned on: who moved it meanwhile holds the row until its commit, and then this writes nothing and
-- answers with no row. Where $4 names an event, it is at that head: the append may be planned on one that was not
-- answered yet, and somebody else may have come first and moved the head by as much.
-- The other part takes its rows from the first one, so the row is locked before anything is written.
-- The events travel column by column, as arrays, and are unnested where they are selected, not in a `from`, which
-- would keep all rows until the last one is there: both measured cheaper than a list of objects. Positions are an array
-- like the others: of a `generate_series` by parameters PostgreSQL expects a thousand rows, and so it may plan each
-- append anew by its parameters, which takes a third of its time for a small one.
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
      unnest($5::bigint[]) as position,
      unnest($6::uuid[]) as id,
      unnest($7::uuid[]) as commit_id,
      unnest($8::text[]) as stream_id,
      unnest($9::bigint[]) as version,
      unnest($10::text[]) as event_type,
      unnest($11::jsonb[]) as payload,
      unnest($12::jsonb[]) as metadata,
      unnest($13::timestamptz[]) as occurred_at
  ) e
)
select head::text
from moved
