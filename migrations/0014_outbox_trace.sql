-- safe: one column that may be absent; the version before neither writes it nor takes it along, and a trace ends there.

-- The trace that a message belongs to, as W3C Trace Context writes it; absent while traces are off.
alter table outbox add column trace_parent text;
