-- Undoes an append, and lets go of the space's lock.
rollback
