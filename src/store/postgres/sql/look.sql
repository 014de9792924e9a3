-- The head of a space and the versions of streams in it, as they are at one moment: one statement, so one snapshot.
-- No row where the space has none or is erased; a row without a stream where none of them exists.
select p.head{text}, {name}(s.stream_id){text}, s.version{text}
from {schema}.spaces p
left join {schema}.streams s
  on s.space = $1::text
  and s.stream_id = any (array(select jsonb_array_elements_text($2::text::jsonb)))
where p.space = $1::text and p.erased_at is null
