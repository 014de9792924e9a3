-- An event as text, column by column, for a client that does not know PostgreSQL's types; nobody on the way parses the
-- payload. Names are JSON, in quotes: a client may take U+FEFF at the beginning of a text for a byte order mark, and
-- drop it. Times are milliseconds since 1970, since `jsonb` and session settings would print them in other ways.
  e.position::text,
  e.id::text,
  e.commit_id::text,
  to_json(e.stream_id)::text,
  e.version::text,
  to_json(e.event_type)::text,
  e.payload::text,
  e.metadata::text,
  (date_part('epoch', e.occurred_at) * 1000)::bigint::text
