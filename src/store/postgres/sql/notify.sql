-- Tells every process that listens what the payload says, once the space has that head. It follows the append's commit
-- and is no part of its transaction: one that notifies holds a lock of the whole database until it is on the disk, so
-- that appends to different spaces would wait for each other. Nor does anybody wait for its own commit to be there.
select set_config('synchronous_commit', 'off', true), pg_notify($3::text, $4::text)::text
from {schema}.spaces
where space = $1::text and head >= $2::text::bigint
