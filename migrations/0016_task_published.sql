-- safe: a new column without a default.

-- When an attempt at a task was given to the broker: between its acceptance and its being taken.
alter table task_history add column published_at timestamptz;
