R"sql(
-- What was sent without anybody's word in categories that have a limit for that (approval_over): recipients by the
-- minute (since 1970), of the last hour.
CREATE TABLE approval_hour(project INTEGER NOT NULL, app INTEGER NOT NULL,
  category INTEGER NOT NULL,          -- word
  minute INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(project, app, category, minute)) WITHOUT ROWID
)sql"
