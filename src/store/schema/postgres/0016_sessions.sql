R"sql(
-- As in SQLite's step 0016, which says what they are.
CREATE TABLE member_login(member text PRIMARY KEY, version bigint NOT NULL, password text, totp text, pending_totp text,
  totp_step bigint NOT NULL, recovery text);
CREATE TABLE session(id bigint PRIMARY KEY, hash text NOT NULL UNIQUE, member text NOT NULL, created_at bigint NOT NULL,
  seen_at bigint NOT NULL, expires_at bigint NOT NULL, user_agent text, origin text);
CREATE INDEX session_member ON session(member, id);
CREATE TABLE invitation(member text PRIMARY KEY, hash text NOT NULL UNIQUE, expires_at bigint NOT NULL);
)sql"
