R"sql(
-- As in SQLite's step 0019, which says what they are.
ALTER TABLE dead_letter ADD COLUMN ended text;
ALTER TABLE dead_letter ADD COLUMN ended_by text;
ALTER TABLE dead_letter ADD COLUMN ended_at bigint;
ALTER TABLE dead_letter ADD COLUMN ended_reason text;
UPDATE dead_letter SET ended = (SELECT ended FROM record_letter WHERE letter = id) WHERE kind = 'record' AND is_closed = 1;
CREATE INDEX dead_letter_open ON dead_letter(project, id) WHERE is_closed = 0;
CREATE TABLE latency(project integer NOT NULL, slot bigint NOT NULL, channel integer NOT NULL, owner bigint NOT NULL,
  counts text NOT NULL, PRIMARY KEY(project, slot, channel, owner)) WITH (fillfactor = 70);
CREATE TABLE node_report(owner bigint PRIMARY KEY, at bigint NOT NULL, report text NOT NULL) WITH (fillfactor = 70);
)sql"
