-- The identity of this storage: replicas that meet another one stop instead of mixing two histories.
select backend_id::text
from {schema}.endpoint
