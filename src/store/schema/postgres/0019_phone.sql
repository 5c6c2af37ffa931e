R"sql(
-- As in step 0005 of SQLite's people.db, which says what it is for. Addresses are compared by their bytes, as there.
ALTER TABLE profile ADD COLUMN phone text COLLATE "C";
CREATE INDEX profile_phone ON profile(project, phone, user_id) WHERE phone IS NOT NULL;
DROP INDEX profile_email;
ALTER TABLE profile ALTER COLUMN email TYPE text COLLATE "C";
CREATE INDEX profile_email ON profile(project, email, user_id) WHERE email IS NOT NULL;
CREATE TABLE profile_fill(id integer PRIMARY KEY CHECK(id = 1), project integer NOT NULL, user_id text COLLATE "C" NOT NULL);
INSERT INTO profile_fill SELECT 1, 0, '' WHERE EXISTS(SELECT 1 FROM profile);
-- Counts changes of jobs, approvals and alerts: whoever watches them looks again.
INSERT INTO meta(key, value) VALUES('news', 0);
)sql"
