R"sql(
-- Which notifications a user is in, for look-ups. Not an index of `delivery`: a row there is written anew when it is taken
-- and when it ends, each time with an entry in every index, and that of the users lies all over (decision 0029). A user
-- may stand there more than once for a notification.
CREATE TABLE history_user(project integer NOT NULL, user_id text COLLATE "C" NOT NULL, notification bigint NOT NULL)
  PARTITION BY RANGE (notification);
CREATE INDEX history_user_key ON history_user(user_id, notification);
CREATE TABLE history_user_rest PARTITION OF history_user DEFAULT;
CREATE INDEX history_user_rest_age ON history_user_rest(notification);
DO $do$
DECLARE day record;
BEGIN
  FOR day IN SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds FROM pg_inherits i JOIN pg_class c
    ON c.oid = i.inhrelid WHERE i.inhparent = CAST('notification' AS regclass) AND starts_with(c.relname, 'notification_d')
  LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF history_user %s', replace(day.name, 'notification', 'history_user'), day.bounds);
  END LOOP;
END $do$;
-- For who writes deliveries and not their users: a process of the version before during a rolling upgrade, a move.
CREATE FUNCTION note_user() RETURNS trigger LANGUAGE plpgsql AS $do$
BEGIN
  INSERT INTO history_user VALUES(NEW.project, NEW.user_id, NEW.notification);
  RETURN NULL;
END $do$;
CREATE TRIGGER delivery_of_user AFTER INSERT ON delivery FOR EACH ROW WHEN (NEW.user_id IS NOT NULL AND
  coalesce(current_setting('carillon.notes_users', true), '') = '') EXECUTE FUNCTION note_user();
)sql"
