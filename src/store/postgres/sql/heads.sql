-- The versions of the streams that an append touches: those of their last events. Runs behind the lock, in a statement
-- of its own, so that it sees what the last holder of the lock committed.
select {name}(q.stream_id){text}, s.version{text}
from jsonb_array_elements_text($2::text::jsonb) as q (stream_id)
cross join lateral (
  select e.version
  from {schema}.events e
  where e.space = $1::text and e.stream_id = q.stream_id
  order by e.version desc
  limit 1
) s
