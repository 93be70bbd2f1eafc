-- What a bucket holds, so that nobody has to count a million objects: kept by the statements that
-- write objects, through these triggers, in the same transaction.
ALTER TABLE bucket ADD COLUMN objects  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket ADD COLUMN bytes    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket ADD COLUMN modified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
-- Changes of its content so far, and how many of them an event has told of.
ALTER TABLE bucket ADD COLUMN changes  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket ADD COLUMN told     INTEGER NOT NULL DEFAULT 0;

UPDATE bucket SET
    modified = created,
    objects = (SELECT count(*) FROM object WHERE object.bucket = bucket.id),
    bytes = (SELECT coalesce(sum(size), 0) FROM object WHERE object.bucket = bucket.id);

CREATE TRIGGER object_comes AFTER INSERT ON object BEGIN
    UPDATE bucket SET objects = objects + 1, bytes = bytes + NEW.size, changes = changes + 1
    WHERE id = NEW.bucket;
END;
CREATE TRIGGER object_changes AFTER UPDATE ON object BEGIN
    UPDATE bucket SET bytes = bytes + NEW.size - OLD.size, changes = changes + 1
    WHERE id = NEW.bucket;
END;
CREATE TRIGGER object_goes AFTER DELETE ON object BEGIN
    UPDATE bucket SET objects = objects - 1, bytes = bytes - OLD.size, changes = changes + 1
    WHERE id = OLD.bucket;
END;
