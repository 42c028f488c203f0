-- Whether a session was opened in the console, which is apart from the service. It is
-- told where sessions are listed; what opens one is under another key already.
ALTER TABLE sessions ADD COLUMN console INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ended_sessions ADD COLUMN console INTEGER NOT NULL DEFAULT 0;
