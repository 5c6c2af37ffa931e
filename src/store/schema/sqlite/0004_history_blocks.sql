R"sql(
-- What `history` holds, packed: a page of entries (key, notification) a row, as pairs of 64-bit integers, sorted; `key`
-- and `notification` are its first. The rows of `history` are the entries that came late, and those of older versions.
CREATE TABLE history_block(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, key INTEGER NOT NULL,
  notification INTEGER NOT NULL, entries BLOB NOT NULL);
CREATE UNIQUE INDEX history_block_start ON history_block(run, key, notification);
)sql"
