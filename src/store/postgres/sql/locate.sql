-- Where an event stands, for readers who go on after it.
select position::text
from {schema}.events
where space = $1::text and id = $2::text::uuid
