-- When a space was erased: its row stays, so that nobody takes the name for a space that is new.
alter table {schema}.spaces
add column erased_at timestamptz
