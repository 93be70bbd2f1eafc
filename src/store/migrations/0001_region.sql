-- One row per resource. The documents stand last, so that a walk along an index that has to look
-- at a row does not read through them.
CREATE TABLE resource (
    id       INTEGER PRIMARY KEY,
    kind     TEXT    NOT NULL,
    lower    TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    parent   TEXT    NOT NULL,
    status   TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    private  TEXT,
    body     TEXT    NOT NULL
) STRICT;

-- Every order that a list can ask for is an index, and what a list filters by rides along in it:
-- a page costs the same among a thousand rows and among a million.
CREATE UNIQUE INDEX resource_by_name     ON resource (kind, lower);
CREATE INDEX resource_by_created  ON resource (kind, created, id, lower, status);
CREATE INDEX resource_by_modified ON resource (kind, modified, id, lower, status);
CREATE INDEX resource_by_status   ON resource (kind, status, created, id, lower);
CREATE INDEX resource_by_parent   ON resource (kind, parent, created, id, lower, status) WHERE parent <> '';

-- How many rows of a kind there are, kept by the writer: counting a million would read them all.
CREATE TABLE tally (
    kind  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    revision INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    change   INTEGER NOT NULL,
    status   TEXT    NOT NULL
) STRICT;

-- `resource` is the last part of the ARN in lower case (`endpoint/demo`): a resource's kind and name,
-- by which its tags are found when it goes.
CREATE TABLE tag (
    resource TEXT NOT NULL,
    arn      TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, arn, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How often the store was opened. Files made since then carry the number in their names, so that
-- the sweep of orphans never meets an upload that is still running.
CREATE TABLE boot (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO boot VALUES (1, 0);

CREATE TABLE bucket (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;

-- Bytes that objects share: a copy is one more reference. A blob that a multipart upload made is
-- the extents it was completed from; any other is the one file that has its id.
CREATE TABLE blob (
    id   INTEGER PRIMARY KEY,
    refs INTEGER NOT NULL,
    size INTEGER NOT NULL,
    extents INTEGER NOT NULL
) STRICT;

CREATE TABLE extent (
    blob   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    file   INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (blob, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX extent_by_file ON extent (file);

-- Keys are bytes: S3 lists them in the binary order of their UTF-8.
CREATE TABLE object (
    bucket   INTEGER NOT NULL,
    key      BLOB    NOT NULL,
    blob     INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    etag     TEXT    NOT NULL,
    about    TEXT    NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE upload (
    id      INTEGER PRIMARY KEY,
    bucket  INTEGER NOT NULL,
    key     BLOB    NOT NULL,
    created INTEGER NOT NULL,
    about   TEXT    NOT NULL
) STRICT;
CREATE INDEX upload_by_key ON upload (bucket, key, id);

CREATE TABLE part (
    upload   INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    file     INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    etag     TEXT    NOT NULL,
    checksum TEXT    NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_by_file ON part (file);

CREATE TABLE log_group (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    retention INTEGER
) STRICT;

-- Times are -1 while there are no events. `open` marks streams whose figures may lag behind their
-- files: they are counted again after a crash, when somebody asks.
CREATE TABLE log_stream (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    parent   INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    first    INTEGER NOT NULL DEFAULT -1,
    last     INTEGER NOT NULL DEFAULT -1,
    ingested INTEGER NOT NULL DEFAULT -1,
    bytes    INTEGER NOT NULL DEFAULT 0,
    open     INTEGER NOT NULL DEFAULT 1,
    UNIQUE (parent, name)
) STRICT;
CREATE INDEX log_stream_by_last ON log_stream (parent, last, id);
CREATE INDEX log_stream_open ON log_stream (parent) WHERE open <> 0;
