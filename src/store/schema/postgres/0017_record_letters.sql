R"sql(
-- As in SQLite's step 0017, which says what they are.
CREATE TABLE record_letter(letter bigint PRIMARY KEY, app bigint NOT NULL, at bigint NOT NULL, hash bytea NOT NULL,
  topic text NOT NULL, part integer NOT NULL, place bigint NOT NULL, record text NOT NULL, tries bigint NOT NULL,
  due_at bigint, ended text);
CREATE UNIQUE INDEX record_letter_hash ON record_letter(hash);
CREATE INDEX record_letter_at ON record_letter(at);
CREATE INDEX record_letter_due ON record_letter(due_at) WHERE due_at IS NOT NULL;
)sql"
