-- safe: a new index, a new column without a default.

-- What operators do at the task monitor, the newest first: few rows, among very many.
create index audit_of_monitor on audit (id desc) where actor_role like 'monitor:%';

-- When a person discarded the message of a task that was put aside: it is not sent again.
alter table task_history add column discarded_at timestamptz;
