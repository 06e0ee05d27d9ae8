-- From schema 3 to 4: audit rows are found by whom they are about. An older program would leave rows of the log unchained.

CREATE TABLE audit_trace (
    tenant text COLLATE "C" NOT NULL,
    trace text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (tenant, trace, seq)
);

UPDATE about SET schema = 4, lowest = 4;
