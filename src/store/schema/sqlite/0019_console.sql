R"sql(
-- How a dead letter was closed: "replayed" "republished" "discarded" "settled" (a receipt said what became of it), by whom,
-- when, and why it was given up. NULL: it is open, or was closed by an earlier version.
ALTER TABLE dead_letter ADD COLUMN ended TEXT;
ALTER TABLE dead_letter ADD COLUMN ended_by TEXT;
ALTER TABLE dead_letter ADD COLUMN ended_at INTEGER;
ALTER TABLE dead_letter ADD COLUMN ended_reason TEXT;
UPDATE dead_letter SET ended = (SELECT ended FROM record_letter WHERE letter = id) WHERE kind = 'record' AND is_closed = 1;
CREATE INDEX dead_letter_open ON dead_letter(project, id) WHERE is_closed = 0;
-- How long it took from acceptance to the provider's answer, by stretches of time (slot: 5 minutes since 1970), as each
-- process counted it: counts is "bucket:n bucket:n", buckets are those of model/latency.h.
CREATE TABLE latency(project INTEGER NOT NULL, slot INTEGER NOT NULL, channel INTEGER NOT NULL, owner INTEGER NOT NULL,
  counts TEXT NOT NULL, PRIMARY KEY(project, slot, channel, owner)) WITHOUT ROWID;
-- What a process last told of itself, as JSON.
CREATE TABLE node_report(owner INTEGER PRIMARY KEY, at INTEGER NOT NULL, report TEXT NOT NULL)
)sql"
