-- A page of the feed and the head that it was read under: one statement, so one snapshot, and a cursor up to that
-- head skips nothing. A single row without an event says that nothing is wanted.
select coalesce(s.head, 0){text}, (s.erased_at is not null){text}, wanted.*
from (select 1) once
left join {schema}.spaces s on s.space = $1::text
left join lateral (
  select {event}
  from {schema}.events e
  where e.space = $1::text
    -- With `+ 0` no index on versions fits, nor one on streams behind an `or`: the one on positions has the order
    -- that is needed. Another would have to find and sort the whole space for each page.
    and e.version + 0 between $2::text::bigint and $3::text::bigint
    and e.position > $4::text::bigint
    and e.position < $5::text::bigint
    and ($6::text = '[]' or e.event_type = any (array(select jsonb_array_elements_text($6::text::jsonb))))
    -- Literal: `like` would read `_` and `%` as patterns.
    and ($7::text = '' or starts_with(e.stream_id, $7::text))
  order by e.position {order}
  limit $8::text::bigint
) wanted on true
