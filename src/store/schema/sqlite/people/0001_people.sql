R"sql(
-- people.db: who is reached. A file of its own, so that readers keep their page cache while notifications commit
-- (decision 0005). Times are ms since 1970.

-- id: profile_id(project, user_id), or any other where that one is taken; readers ask for it first.
CREATE TABLE profile(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, user_id TEXT NOT NULL,
  version INTEGER NOT NULL, email TEXT, data TEXT NOT NULL, UNIQUE(project, user_id));
CREATE INDEX profile_email ON profile(project, email) WHERE email IS NOT NULL;
-- A token is unique per project × service × bundle; hash = address_hash(service, bundle, token).
CREATE TABLE endpoint_owner(project INTEGER NOT NULL, hash BLOB NOT NULL, user_id TEXT NOT NULL,
  device_id TEXT NOT NULL, PRIMARY KEY(project, hash)) WITHOUT ROWID;
CREATE TABLE device_owner(project INTEGER NOT NULL, device_id TEXT NOT NULL, user_id TEXT NOT NULL,
  PRIMARY KEY(project, device_id, user_id)) WITHOUT ROWID;
CREATE TABLE preference_log(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, user_id TEXT NOT NULL,
  at INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL, change TEXT NOT NULL);
CREATE INDEX preference_log_user ON preference_log(project, user_id, id);
)sql"
