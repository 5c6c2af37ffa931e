R"sql(
-- What was uploaded; the bytes are in a folder or a bucket. See store/objects.h.
CREATE TABLE object(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, app INTEGER NOT NULL, size INTEGER NOT NULL,
  type TEXT NOT NULL, filename TEXT, sha256 TEXT NOT NULL, created_by TEXT NOT NULL, created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  look_at INTEGER NOT NULL);          -- when to see whether it can go: expires_at, later while it is needed
CREATE INDEX object_look_at ON object(look_at);
CREATE INDEX object_of_app ON object(app, id);
CREATE INDEX object_of_project ON object(project, id);
-- Who needs it: one row for each notification that names it, none for those that name nothing.
CREATE TABLE object_pin(object INTEGER NOT NULL, notification INTEGER NOT NULL,
  PRIMARY KEY(object, notification)) WITHOUT ROWID;
-- Names under which there may be bytes that are nobody's.
CREATE TABLE object_abandoned(id INTEGER PRIMARY KEY, due_at INTEGER NOT NULL);
CREATE INDEX object_abandoned_due ON object_abandoned(due_at)
)sql"
