R"sql(
-- As in SQLite's step 0017, which says what they are. The constraint keeps a process of the version before, which knows
-- of no parts, from expanding what was cut.
ALTER TABLE expansion ADD COLUMN is_cut integer NOT NULL DEFAULT 0;
ALTER TABLE expansion ADD COLUMN owner bigint;
ALTER TABLE expansion ADD CONSTRAINT expansion_cut CHECK(is_cut = 0 OR after IS NULL);
CREATE TABLE expansion_part(notification bigint NOT NULL, number integer NOT NULL, cursor bigint NOT NULL,
  after text COLLATE "C" NOT NULL, until text COLLATE "C", owner bigint, is_done integer NOT NULL,
  expanded bigint NOT NULL, PRIMARY KEY(notification, number)) WITH (fillfactor = 50);
)sql"
