R"sql(
-- People move to people.db, attached as `people`. First the copy, by itself (two files do not commit as one), so that
-- a crash between the two repeats it.
INSERT OR REPLACE INTO people.profile(id, project, user_id, version, email, data)
  SELECT id, project, user_id, version, email, data FROM main.profile;
-- people.db is of the present version already, whatever this one was.
INSERT OR IGNORE INTO people.profile_fill SELECT 1, 0, '' WHERE EXISTS(SELECT 1 FROM main.profile);
INSERT OR REPLACE INTO people.endpoint_owner SELECT project, hash, user_id, device_id FROM main.endpoint_owner;
INSERT OR REPLACE INTO people.device_owner SELECT project, device_id, user_id FROM main.device_owner;
INSERT OR REPLACE INTO people.preference_log SELECT id, project, user_id, at, actor, source, change
  FROM main.preference_log;
COMMIT;
BEGIN;
DROP TABLE main.profile;
DROP TABLE main.endpoint_owner;
DROP TABLE main.device_owner;
DROP TABLE main.preference_log
)sql"
