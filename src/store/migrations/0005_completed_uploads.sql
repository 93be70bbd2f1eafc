-- Uploads that became objects, and which: a client that did not hear so asks again. The newest ten
-- thousand are kept.
CREATE TABLE completed (
    upload INTEGER PRIMARY KEY,
    bucket INTEGER NOT NULL,
    key    BLOB    NOT NULL,
    etag   TEXT    NOT NULL,
    about  TEXT    NOT NULL
) STRICT;
