R"sql(
-- What belongs to a dead letter of kind "event": a business event that a rule could not turn into a notification. `hash`
-- is of app, rule and event: while the letter is open, the same event makes no second one.
CREATE TABLE event_letter(letter INTEGER PRIMARY KEY, app INTEGER NOT NULL, is_test INTEGER NOT NULL,
  at INTEGER NOT NULL, rule TEXT NOT NULL, hash BLOB NOT NULL, event TEXT NOT NULL);
CREATE INDEX event_letter_hash ON event_letter(hash);
CREATE INDEX event_letter_at ON event_letter(at);
)sql"
