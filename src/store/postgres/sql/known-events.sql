-- The stored events whose ids an append bears: what tells a repeated write from a new one. Runs behind the lock.
select {event}
from {schema}.events e
where e.space = $1::text
  and e.id = any (array(select jsonb_array_elements_text($2::text::jsonb)::uuid))
