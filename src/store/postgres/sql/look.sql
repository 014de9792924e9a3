-- The head of a space and the versions of streams in it, as they are at one moment: one statement, so one snapshot.
-- No row where the space has none or is erased; a row without a stream where none of them exists. The version of a
-- stream is that of its last event. Where it follows the lock it is a statement of its own, so that it sees what the last
-- holder of the lock committed.
select p.head{text}, {name}(s.stream_id){text}, s.version{text}
from {schema}.spaces p
left join lateral (
  select q.stream_id, l.version
  from jsonb_array_elements_text($2::text::jsonb) as q (stream_id)
  cross join lateral (
    select e.version
    from {schema}.events e
    where e.space = $1::text and e.stream_id = q.stream_id
    order by e.version desc
    limit 1
  ) l
) s on true
where p.space = $1::text and p.erased_at is null
