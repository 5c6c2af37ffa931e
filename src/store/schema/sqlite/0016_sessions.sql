R"sql(
-- What members sign in with, who is signed in, who was invited. See store/sessions.h.
CREATE TABLE member_login(member TEXT PRIMARY KEY, version INTEGER NOT NULL, password TEXT, totp TEXT, pending_totp TEXT,
  totp_step INTEGER NOT NULL, recovery TEXT) WITHOUT ROWID;  -- recovery: hashes, separated by spaces
CREATE TABLE session(id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, member TEXT NOT NULL, created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, user_agent TEXT, origin TEXT);
CREATE INDEX session_member ON session(member, id);
CREATE TABLE invitation(member TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, expires_at INTEGER NOT NULL) WITHOUT ROWID
)sql"
