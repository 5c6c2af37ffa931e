R"sql(
-- Who asked for a change, in full: the request's id and the address it came from.
ALTER TABLE audit ADD COLUMN request TEXT;
ALTER TABLE audit ADD COLUMN origin TEXT;
-- Newest first, of a project and of one object; by time, so that a stretch of it is found without reading the rest.
CREATE INDEX audit_time ON audit(project, at);
CREATE INDEX audit_object ON audit(project, object, at);
DROP INDEX audit_project;
-- Notifications whose content is past its retention and who are not final yet: it goes when they are.
CREATE TABLE content_waiting(notification INTEGER PRIMARY KEY)
)sql"
