R"sql(
-- What belongs to a dead letter of kind "record": what came by a topic and could not be taken. `hash` is of its place and
-- content: read again, it makes no second one. record: sealed; part, place: its partition and offset; due_at: set while it
-- waits for a user who may be registered yet; ended: set when it is closed.
CREATE TABLE record_letter(letter INTEGER PRIMARY KEY, app INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL,
  topic TEXT NOT NULL, part INTEGER NOT NULL, place INTEGER NOT NULL, record TEXT NOT NULL, tries INTEGER NOT NULL,
  due_at INTEGER, ended TEXT);
CREATE UNIQUE INDEX record_letter_hash ON record_letter(hash);
CREATE INDEX record_letter_at ON record_letter(at);
CREATE INDEX record_letter_due ON record_letter(due_at) WHERE due_at IS NOT NULL
)sql"
