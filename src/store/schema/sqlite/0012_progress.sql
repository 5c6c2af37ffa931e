R"sql(
-- How far an expansion is: recipients whose deliveries are there, of about so many (0: not known).
ALTER TABLE expansion ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
ALTER TABLE expansion ADD COLUMN expanded INTEGER NOT NULL DEFAULT 0
)sql"
