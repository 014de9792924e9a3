-- As `read-feed.sql`, for who passes events on: each as the JSON that it is on the wire, but for its time, so that
-- nobody on the way parses or prints it. One column more says which commit it is of.
select coalesce(s.head, 0)::text, (s.erased_at is not null)::text, wanted.*
from (select 1) once
left join {schema}.spaces s on s.space = $1::text
left join lateral (
  select
    e.position::text,
    e.commit_id::text,
    concat(
      '{"position":', e.position, ',"id":"', e.id, '","commitId":"', e.commit_id,
      '","streamId":', to_json(e.stream_id), ',"version":', e.version, ',"type":', to_json(e.event_type),
      ',"payload":', e.payload, ',"metadata":', e.metadata
    ),
    (date_part('epoch', e.occurred_at) * 1000)::bigint::text
  from {schema}.events e
  where e.space = $1::text and e.position > $2::text::bigint
    and e.position < $4::text::bigint
  order by e.position
  limit $3::text::bigint
) wanted on true
