-- How far the tables were migrated; asked under the lock.
select schema_version::text
from {schema}.endpoint
