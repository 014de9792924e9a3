-- Guards the order of positions: who holds this row is the only writer of the space until its transaction ends,
-- so the order of commits is the order of positions.
select head::text, (erased_at is not null)::text
from {schema}.spaces
where space = $1::text
for update
