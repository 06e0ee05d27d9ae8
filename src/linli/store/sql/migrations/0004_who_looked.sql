-- From schema 3 to 4: audit rows are found by whom they are about. An older program would leave rows of the log unchained.

CREATE TABLE audit_trace (
    tenant TEXT NOT NULL,
    trace TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tenant, trace, seq)
) STRICT, WITHOUT ROWID;

UPDATE about SET schema = 4, lowest = 4;
