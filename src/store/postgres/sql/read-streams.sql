-- Streams as they are at one moment: one statement, so one snapshot. A row without an event says the version of a
-- stream of which nothing is wanted.
select q.number{text}, coalesce(s.version, 0){text}, (p.erased_at is not null){text}, wanted.*
from jsonb_array_elements_text($2::text::jsonb) with ordinality as q (stream_id, number)
left join {schema}.spaces p on p.space = $1::text
left join lateral (
  select e.version
  from {schema}.events e
  where e.space = $1::text and e.stream_id = q.stream_id
  order by e.version desc
  limit 1
) s on true
left join lateral (
  select {event}
  from {schema}.events e
  where e.space = $1::text
    and e.stream_id = q.stream_id
    and e.version between $3::text::bigint and $4::text::bigint
    -- With `+ 0` no index on positions fits: the one on versions has the order that is needed.
    and e.position + 0 > $5::text::bigint
    and e.position + 0 < $6::text::bigint
    and ($7::text = '[]' or e.event_type = any (array(select jsonb_array_elements_text($7::text::jsonb))))
    -- Literal: `like` would read `_` and `%` as patterns.
    and starts_with(e.stream_id, $8::text)
  order by e.version {order}
  limit $9::text::bigint
) wanted on true
order by q.number
