R"sql(
-- What was there before the trigger of step 0021, which stands by now: nobody waits while this goes on.
SET LOCAL statement_timeout = 0;
INSERT INTO history_user SELECT DISTINCT project, user_id, notification FROM delivery WHERE user_id IS NOT NULL;
DROP INDEX delivery_user;
)sql"
