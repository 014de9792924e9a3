-- Guards what follows: each statement of an append must see what was committed before it got the space's lock,
-- whatever the database's default isolation is.
begin isolation level read committed
