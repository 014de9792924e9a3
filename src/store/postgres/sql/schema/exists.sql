-- Whether the schema is there, and whether it was migrated before. Creating it takes a right that a service which
-- finds it there may lack.
select
  exists (select from pg_namespace where nspname = $1::text)::text,
  exists (
    select from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1::text and c.relname = 'endpoint'
  )::text
