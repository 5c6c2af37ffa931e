R"sql(
-- Who expands a send, and the parts into which a large one is cut, each with a cursor of its own: the members above `after`
-- up to `until` (NULL: the last). An owner whose lease is over has nothing. See store/expansion.h.
ALTER TABLE expansion ADD COLUMN is_cut INTEGER NOT NULL DEFAULT 0;
ALTER TABLE expansion ADD COLUMN owner INTEGER;
CREATE TABLE expansion_part(notification INTEGER NOT NULL, number INTEGER NOT NULL, cursor INTEGER NOT NULL,
  after TEXT NOT NULL, until TEXT, owner INTEGER, is_done INTEGER NOT NULL, expanded INTEGER NOT NULL,
  PRIMARY KEY(notification, number)) WITHOUT ROWID
)sql"
