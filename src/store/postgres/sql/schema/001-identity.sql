-- The identity is made with the tables and lives as long as they do.
insert into {schema}.endpoint (backend_id, schema_version)
values (gen_random_uuid(), 0)
