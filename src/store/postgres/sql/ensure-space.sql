-- Makes the row of a space that is written for the first time; the loser of a race waits here for the winner.
insert into {schema}.spaces (space, head)
values ($1::text, 0)
on conflict (space) do nothing
