-- Keeps the tables apart from everything else in the database.
create schema {schema}
