R"sql(
-- Sends that wait for somebody's word before they go on, and what that was. Kept as long as the notification.
CREATE TABLE approval(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, notification INTEGER NOT NULL,
  status INTEGER NOT NULL,            -- store::ApprovalStatus
  audience INTEGER NOT NULL,          -- recipients, when it was submitted
  submitted_by TEXT NOT NULL, submitted_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  decided_by TEXT, decided_at INTEGER, reason TEXT);
CREATE INDEX approval_project ON approval(project, id);
CREATE INDEX approval_open ON approval(project, id) WHERE status = 0;
CREATE INDEX approval_due ON approval(expires_at) WHERE status = 0;
CREATE INDEX approval_notification ON approval(notification)
)sql"
