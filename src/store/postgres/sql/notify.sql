-- Tells every process that listens that the space in the payload has a new head. It follows the append's commit and
-- is no part of its transaction: one that notifies holds a lock of the whole database until it is on the disk, so
-- that appends to different spaces would wait for each other.
select pg_notify($1::text, $2::text)::text
