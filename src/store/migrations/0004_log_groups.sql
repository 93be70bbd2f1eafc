-- What CreateLogGroup says of a group beside its name.
ALTER TABLE log_group ADD COLUMN class TEXT NOT NULL DEFAULT 'STANDARD';
ALTER TABLE log_group ADD COLUMN kms_key TEXT;
