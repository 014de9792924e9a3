-- Notes how far the tables are migrated, in the transaction that migrated them.
update {schema}.endpoint
set schema_version = $1::text::integer
