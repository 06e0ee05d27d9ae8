-- The key book: keys as trust wrapped them, in a file beside the database and never in it.

-- schema
CREATE TABLE IF NOT EXISTS key (
    kid TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    suite TEXT NOT NULL,
    under TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    made_us INTEGER NOT NULL,
    current INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS key_in_use ON key (tenant, subject) WHERE current = 1;
CREATE INDEX IF NOT EXISTS key_of_subject ON key (tenant, subject);
CREATE TABLE IF NOT EXISTS gone (kid TEXT PRIMARY KEY, at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS turn (one INTEGER PRIMARY KEY CHECK (one = 1), turn INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO turn (one, turn) VALUES (1, 0);

-- key
SELECT kid, tenant, subject, suite, under, wrapped, made_us, current FROM key WHERE kid = ?;

-- keys_of
SELECT k.kid, k.tenant, k.subject, k.suite, k.under, k.wrapped, k.made_us, k.current
FROM json_each(?) AS wanted CROSS JOIN key AS k ON k.kid = wanted.value;

-- in_use
SELECT kid, tenant, subject, suite, under, wrapped, made_us, current FROM key
WHERE tenant = ? AND subject = ? AND current = 1;

-- keys
SELECT kid, tenant, subject, suite, under, wrapped, made_us, current FROM key ORDER BY kid;

-- key_retire_other
UPDATE key SET current = 0 WHERE tenant = ? AND subject = ? AND current = 1 AND suite <> ?;

-- key_insert
-- What the master key wraps is wrapped by the one that wraps the key of the blind index: there is no other, and whoever
-- still holds one that was exchanged meanwhile adds nothing.
INSERT OR IGNORE INTO key (kid, tenant, subject, suite, under, wrapped, made_us, current)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1
WHERE ?5 NOT LIKE 'kek:%'
OR NOT EXISTS (SELECT 1 FROM key WHERE tenant = '' AND subject = 'index' AND current = 1 AND under <> ?5);

-- key_rewrap
UPDATE key SET under = ?, wrapped = ? WHERE kid = ? AND wrapped = ?;

-- key_under
SELECT kid FROM key WHERE under = ? LIMIT 1;

-- keys_retire
UPDATE key SET current = 0 WHERE tenant = ? AND current = 1;

-- key_drop
DELETE FROM key WHERE kid = ?;

-- gone_insert
INSERT OR IGNORE INTO gone (kid, at_us) SELECT kid, ? FROM key WHERE tenant = ? AND subject = ?;

-- keys_of_subject_delete
DELETE FROM key WHERE tenant = ? AND subject = ?;

-- gone
SELECT at_us FROM gone WHERE kid = ?;

-- turn
SELECT turn FROM turn;

-- turn_on
UPDATE turn SET turn = turn + 1;
