-- One row per space: `head` is its last position. Writers of a space take turns by locking this row.
-- Texts are compared as bytes ("C"): no locale can make two names equal or change an order.
create table {schema}.spaces (
  space text collate "C" primary key,
  head bigint not null check (head between 0 and 9007199254740991),
  created_at timestamptz not null default now()
)
-- Every append updates the row: room on its page keeps the update off the index.
with (fillfactor = 50)
