R"sql(
-- Work that outlives its request: imports, erasures, replays. Here and not in carillon.db because what an import writes and
-- how far it came must be one transaction (two files do not commit as one).
CREATE TABLE job(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, app INTEGER NOT NULL, kind TEXT NOT NULL,
  actor TEXT NOT NULL, spec TEXT NOT NULL,
  state INTEGER NOT NULL,             -- store::JobState: 0 queued, 1 running, 2 completed, 3 failed, 4 cancelled
  cursor INTEGER NOT NULL, line INTEGER NOT NULL, -- where it goes on
  done INTEGER NOT NULL, failed INTEGER NOT NULL, total INTEGER NOT NULL,
  detail TEXT, created_at INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER);
CREATE INDEX job_project ON job(project, id);
CREATE INDEX job_open ON job(id) WHERE state < 2;
-- What it could not do, one row each; the first 10,000.
CREATE TABLE job_error(job INTEGER NOT NULL, seq INTEGER NOT NULL, line INTEGER, item TEXT, pointer TEXT, code TEXT,
  detail TEXT NOT NULL, PRIMARY KEY(job, seq)) WITHOUT ROWID;
)sql"
