-- Removes all that a space held, and says so for good. Runs behind the lock, so that nothing is appended meanwhile.
with gone as (
  delete from {schema}.events
  where space = $1::text
)
update {schema}.spaces
set erased_at = coalesce(erased_at, now())
where space = $1::text
