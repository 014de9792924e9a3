-- Who this storage is and how its tables look. `singleton` guards that there is one row.
create table {schema}.endpoint (
  singleton boolean primary key default true check (singleton),
  backend_id uuid not null,
  schema_version integer not null,
  created_at timestamptz not null default now()
)
