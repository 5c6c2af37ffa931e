-- An outbox for a service on PostgreSQL 14 or newer: what the service writes in its own transaction Carillon gets once
-- that is committed, and never when it is rolled back. Debezium carries it to the Kafka topic notification.events.
--
--   psql -v ON_ERROR_STOP=1 --single-transaction -f outbox.sql        as the database's owner; may be repeated
--   GRANT carillon_outbox_writer TO my_service;
--   CREATE ROLE carillon_cdc LOGIN REPLICATION PASSWORD '…' IN ROLE carillon_outbox_reader;
--
-- Then, in the service's transaction:
--
--   SELECT carillon_outbox.notify('{"event_id": "order-17-shipped", "to": [{"user_id": "ada"}],
--                                   "channels": ["push"], "title": "It left", "body": "It arrives today."}');
--   SELECT carillon_outbox.event('/shop', 'order.shipped', '{"user_id": "ada", "order": {"total": 75000}}');
--
-- PostgreSQL needs wal_level = logical, and max_slot_wal_keep_size so that a reader that went away cannot fill the disk.

DO $roles$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carillon_outbox_writer') THEN
    CREATE ROLE carillon_outbox_writer NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carillon_outbox_reader') THEN
    CREATE ROLE carillon_outbox_reader NOLOGIN;
  END IF;
END
$roles$;

CREATE SCHEMA IF NOT EXISTS carillon_outbox;

-- The columns are those of Debezium's EventRouter. Writers have no right to insert: they call the functions below, which
-- check, and which write one row at a time. COPY gives all its rows one position in the log, and Debezium skips all
-- but the first of them when it starts again in the middle.
CREATE TABLE IF NOT EXISTS carillon_outbox.outbox (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  aggregatetype text NOT NULL DEFAULT 'notification',
  aggregateid text NOT NULL,  -- the key of the message: those with the same one stay in order
  type text NOT NULL CHECK (type IN ('notification', 'event')),
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payload_is_an_object CHECK (jsonb_typeof(payload) = 'object'),
  CONSTRAINT payload_within_256_kib CHECK (octet_length(payload::text) <= 262144)
);
CREATE INDEX IF NOT EXISTS outbox_created_at ON carillon_outbox.outbox (created_at);

-- A notification: `body` is that of POST /v1/notifications. It needs an event_id, by which it is sent once however often it
-- arrives. `key`: notifications with the same one are taken in order; the event_id where it is left out. Returns the row's id.
CREATE OR REPLACE FUNCTION carillon_outbox.notify(body jsonb, key text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  made uuid;
BEGIN
  IF jsonb_typeof(body) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'carillon_outbox.notify: give the body of POST /v1/notifications, a JSON object'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF jsonb_typeof(body -> 'event_id') IS DISTINCT FROM 'string' OR body ->> 'event_id' = '' THEN
    RAISE EXCEPTION 'carillon_outbox.notify: "event_id" is missing; name the business event, as "order-17-shipped"'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF jsonb_typeof(body -> 'to') IS DISTINCT FROM 'array' THEN
    RAISE EXCEPTION 'carillon_outbox.notify: "to" is missing; give a list of recipients, as [{"user_id": "ada"}]'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO carillon_outbox.outbox (aggregateid, type, payload)
    VALUES (coalesce(key, body ->> 'event_id'), 'notification', body) RETURNING id INTO made;
  RETURN made;
END
$body$;

-- Something that happened, for Carillon's rules, as a CloudEvent: `source` and `type` as the rules match them. `id` with
-- `source` says which event it is; the row's id where it is left out. Returns the row's id.
CREATE OR REPLACE FUNCTION carillon_outbox.event(source text, type text, data jsonb, subject text DEFAULT NULL,
                                                 id text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  made uuid := gen_random_uuid();
BEGIN
  IF coalesce(source, '') = '' OR coalesce(type, '') = '' THEN
    RAISE EXCEPTION 'carillon_outbox.event: give a source and a type, as ''/shop'', ''order.shipped'''
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO carillon_outbox.outbox (id, aggregateid, type, payload)
    VALUES (made, coalesce(subject, event.id, made::text), 'event', jsonb_strip_nulls(jsonb_build_object(
      'specversion', '1.0', 'id', coalesce(event.id, made::text), 'source', source, 'type', type, 'subject', subject,
      'time', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
      -- Apart: a null within it is the service's own.
      || CASE WHEN data IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('data', data) END);
  RETURN made;
END
$body$;

-- Writes what was written between two moments once more, for the day the replication slot was lost: a new slot begins at its
-- creation and what came before is not in it. Carillon knows what it has had by its event id for dedup.window (a day).
-- Returns how many rows.
CREATE OR REPLACE FUNCTION carillon_outbox.write_again(since timestamptz, until timestamptz DEFAULT now())
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
  WITH again AS (
    INSERT INTO carillon_outbox.outbox (aggregatetype, aggregateid, type, payload)
      SELECT aggregatetype, aggregateid, type, payload FROM carillon_outbox.outbox
       WHERE created_at >= since AND created_at < until ORDER BY created_at RETURNING 1)
  SELECT count(*) FROM again;
$body$;

-- Removes rows older than `keep`, at most `at_most` of them; call it from cron until it returns 0. What Debezium has not read
-- yet it reads from the log all the same; the rows are kept for write_again. Returns how many rows.
CREATE OR REPLACE FUNCTION carillon_outbox.clean(keep interval DEFAULT '7 days', at_most integer DEFAULT 10000)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
  WITH old AS (SELECT id FROM carillon_outbox.outbox WHERE created_at < now() - keep ORDER BY created_at LIMIT at_most
                 FOR UPDATE SKIP LOCKED),
       gone AS (DELETE FROM carillon_outbox.outbox o USING old WHERE o.id = old.id RETURNING 1)
  SELECT count(*) FROM gone;
$body$;

-- How far Debezium is behind. Raise an alarm when is_active is false, behind_bytes grows, or wal_status is not 'reserved' or
-- 'extended': 'lost' means that events were missed and write_again is needed.
CREATE OR REPLACE VIEW carillon_outbox.lag AS
  SELECT slot_name, active AS is_active, wal_status,
         pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS behind_bytes
    FROM pg_replication_slots WHERE slot_name = 'carillon_outbox' AND database = current_database();

DO $publication$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'carillon_outbox') THEN
    CREATE PUBLICATION carillon_outbox FOR TABLE carillon_outbox.outbox WITH (publish = 'insert');
  END IF;
END
$publication$;

REVOKE ALL ON SCHEMA carillon_outbox FROM PUBLIC;
REVOKE ALL ON carillon_outbox.outbox FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA carillon_outbox FROM PUBLIC;
GRANT USAGE ON SCHEMA carillon_outbox TO carillon_outbox_writer, carillon_outbox_reader;
GRANT EXECUTE ON FUNCTION carillon_outbox.notify(jsonb, text),
  carillon_outbox.event(text, text, jsonb, text, text) TO carillon_outbox_writer;
GRANT SELECT ON carillon_outbox.outbox, carillon_outbox.lag TO carillon_outbox_reader;
