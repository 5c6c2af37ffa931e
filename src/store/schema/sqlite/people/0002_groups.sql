R"sql(
-- Named sets of users. A group that is deleted loses its key at once and its members in pieces; a send that was
-- accepted for it before still reaches them.
CREATE TABLE user_group(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, key TEXT, name TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  n INTEGER NOT NULL,                 -- members now
  UNIQUE(project, key));
CREATE INDEX user_group_deleted ON user_group(id) WHERE key IS NULL;
-- Who is in a group and who was: added and removed are moments of `member_seq`, which each change of members moves on.
-- A send keeps the moment it was accepted at instead of a copy.
CREATE TABLE member(user_group INTEGER NOT NULL, user_id TEXT NOT NULL, added INTEGER NOT NULL, removed INTEGER,
  PRIMARY KEY(user_group, user_id, added)) WITHOUT ROWID;
CREATE TABLE member_seq(id INTEGER PRIMARY KEY CHECK(id = 1), value INTEGER NOT NULL);
INSERT INTO member_seq VALUES(1, 0)
)sql"
