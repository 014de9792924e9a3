-- Makes an append durable. After a statement that failed this undoes it instead, and says so nowhere: the failed
-- statement's error is what counts.
commit
