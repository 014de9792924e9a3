-- The columns of `event-columns.sql`, as they are.
  e.position,
  e.id,
  e.commit_id,
  e.stream_id,
  e.version,
  e.event_type,
  e.payload,
  e.metadata,
  e.occurred_at
