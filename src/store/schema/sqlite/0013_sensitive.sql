R"sql(
-- The requests that hold something sensitive, sealed; what their notifications have is without it. Here only until the
-- notification is final. id: of the notification, or of a delivery that was replayed with other parameters.
CREATE TABLE sealed(id INTEGER PRIMARY KEY, data TEXT NOT NULL);
-- Users named by what has no deliveries by which they would be found: notifications that had not begun when they were written,
-- and events among the dead letters. key: a hash of the user; entry: of `to`.
CREATE TABLE named(item INTEGER NOT NULL, key INTEGER NOT NULL, entry INTEGER NOT NULL,
  PRIMARY KEY(item, key, entry)) WITHOUT ROWID;
CREATE INDEX named_key ON named(key, item);
CREATE INDEX sandbox_message_delivery ON sandbox_message(delivery)
)sql"
