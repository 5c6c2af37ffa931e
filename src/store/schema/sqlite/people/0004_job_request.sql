R"sql(
-- The request that asked for a job, and the address it came from: for the audit entries of what the job does.
ALTER TABLE job ADD COLUMN request TEXT;
ALTER TABLE job ADD COLUMN origin TEXT
)sql"
