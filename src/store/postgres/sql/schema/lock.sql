-- Guards migrations: of several replicas that start at once, one migrates and the others wait for it.
-- The key is made of the schema's name, so that two schemas of one database do not wait for each other.
select pg_advisory_xact_lock(hashtextextended('eventcore-web ' || $1::text, 0))::text
