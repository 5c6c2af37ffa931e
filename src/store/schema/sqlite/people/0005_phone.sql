R"sql(
-- Users are found by e-mail address and phone number, in order of address and user. The number stands in `data` too; rows
-- of earlier versions get theirs from there, a piece at a time (fill_phones): profile_fill says how far that came, and has
-- no row once it is done.
ALTER TABLE profile ADD COLUMN phone TEXT;
CREATE INDEX profile_phone ON profile(project, phone, user_id) WHERE phone IS NOT NULL;
DROP INDEX profile_email;
CREATE INDEX profile_email ON profile(project, email, user_id) WHERE email IS NOT NULL;
CREATE TABLE profile_fill(id INTEGER PRIMARY KEY CHECK(id = 1), project INTEGER NOT NULL, user_id TEXT NOT NULL);
INSERT INTO profile_fill SELECT 1, 0, '' WHERE EXISTS(SELECT 1 FROM profile)
)sql"
