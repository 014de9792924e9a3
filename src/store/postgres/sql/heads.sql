-- The versions of the streams that an append touches. Runs behind the lock, in a statement of its own, so that it
-- sees what the last holder of the lock committed.
select {name}(stream_id){text}, version{text}
from {schema}.streams
where space = $1::text
  and stream_id = any (array(select jsonb_array_elements_text($2::text::jsonb)))
