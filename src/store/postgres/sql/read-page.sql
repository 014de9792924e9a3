-- A page of the whole feed and the head that it was read under: `read-feed.sql` where nothing is left out, so that
-- nothing has to be asked of a row.
select coalesce(s.head, 0){text}, (s.erased_at is not null){text}, wanted.*
from (select 1) once
left join {schema}.spaces s on s.space = $1::text
left join lateral (
  select {event}
  from {schema}.events e
  where e.space = $1::text and e.position > $2::text::bigint
    and e.position < $3::text::bigint
  order by e.position
  limit $4::text::bigint
) wanted on true
