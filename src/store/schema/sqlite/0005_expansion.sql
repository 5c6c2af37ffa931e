R"sql(
-- Notifications whose deliveries are made in chunks, until all of those are final.
CREATE TABLE expansion(notification INTEGER PRIMARY KEY,
  is_done INTEGER NOT NULL,           -- all deliveries are there
  moment INTEGER NOT NULL,            -- of people.member_seq: whom the groups held when it was accepted
  audience BLOB NOT NULL,             -- groups: pairs of 64-bit integers, entry of `to` and people.user_group.id
  after TEXT);                        -- last user of the groups whose deliveries are there; NULL: none yet
-- How many of its deliveries are in each state; changed with them, so a million is told without being counted.
-- delivery.flags 2: this delivery is counted here.
CREATE TABLE notification_count(notification INTEGER NOT NULL, status INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(notification, status)) WITHOUT ROWID;
INSERT INTO expansion SELECT id, status = 4, 0, x'', NULL FROM notification WHERE flags & 4 AND status IN (2, 3, 4);
INSERT INTO notification_count SELECT d.notification, d.status, count(*) FROM chunk c JOIN delivery d
  ON d.id >= c.first AND d.id < c.first + c.n GROUP BY 1, 2;
UPDATE delivery SET flags = flags | 2 WHERE id IN
  (SELECT d.id FROM chunk c JOIN delivery d ON d.id >= c.first AND d.id < c.first + c.n)
)sql"
