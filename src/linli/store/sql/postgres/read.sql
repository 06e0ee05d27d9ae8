-- What PostgreSQL reads in its own words; all other queries are those of ../read.sql. Lists are arrays.
-- "OFFSET 0" and "LIMIT 1" keep the planner from turning the order of a join round. There is no "look": to take a document apart here
-- costs as much as to send it and take it apart there. Nor is there an "in_ellipse": its index knows places by boxes alone.

-- numbers
SELECT dataset_id, string_agg(int8send(dated_us), ''), string_agg(float8send(number), '') FROM (
    SELECT dataset_id, {time} AS dated_us, number FROM history
    WHERE tenant = ? AND entity_id = ? AND attr = ? AND number IS NOT NULL AND {time} >= ? AND {time} < ?
) AS dated GROUP BY dataset_id;

-- past_names
WITH RECURSIVE one (attr) AS (
    (SELECT attr FROM history WHERE tenant = ?1 AND entity_id = ?2 ORDER BY attr LIMIT 1)
    UNION ALL
    SELECT (
        SELECT h.attr FROM history AS h WHERE h.tenant = ?1 AND h.entity_id = ?2 AND h.attr > one.attr
        ORDER BY h.attr LIMIT 1
    ) FROM one WHERE one.attr IS NOT NULL
)
SELECT attr FROM one WHERE attr IS NOT NULL;

-- from_all
FROM entity AS e WHERE e.row > ? AND e.tenant = ?

-- from_ids
FROM entity AS e WHERE e.tenant = ? AND e.id = ANY (?::text[]) AND e.row > ?

-- from_rows
FROM (SELECT DISTINCT way.row FROM ({rows}) AS way OFFSET 0) AS d JOIN entity AS e ON e.row = d.row
WHERE e.row > ? AND e.tenant = ?

-- from_type
FROM entity_type AS d JOIN entity AS e ON e.row = d.row WHERE d.tenant = ? AND d.type = ? AND d.row > ?

-- from_key
FROM entity_key AS d JOIN entity AS e ON e.row = d.row
WHERE d.tenant = ? AND d.name = ? AND d.value = ? AND d.row > ?

-- from_scope
FROM entity_scope AS d JOIN entity AS e ON e.row = d.row WHERE d.tenant = ? AND d.scope = ? AND d.row > ?

-- rows_of_types
SELECT row FROM entity_type WHERE tenant = ? AND type = ANY (?::text[])

-- number_of_types
SELECT coalesce(sum(entities), 0)::bigint FROM type_count WHERE tenant = ? AND type = ANY (?::text[])

-- rows_of_key
SELECT row FROM entity_key WHERE tenant = ? AND name = ? AND value = ANY (?::text[])

-- rows_in_box
SELECT row FROM place WHERE area && area_of(?, ?, ?, ?)

-- is_of_types
(SELECT TRUE FROM entity_type AS t WHERE t.tenant = ? AND t.type = ANY (?::text[]) AND t.row = e.row LIMIT 1)

-- is_of_key
(SELECT TRUE FROM entity_key AS k
    WHERE k.tenant = ? AND k.name = ? AND k.value = ANY (?::text[]) AND k.row = e.row LIMIT 1)

-- is_in_box
(SELECT TRUE FROM place AS p WHERE p.row = e.row AND p.area && area_of(?, ?, ?, ?) LIMIT 1)

-- is_in_scopes
EXISTS (SELECT 1 FROM jsonb_array_elements_text(e.scopes::jsonb) AS s (value) WHERE {scopes})

-- scope_is
rtrim(s.value, '/') || '/' = ?

-- scope_is_below
((rtrim(s.value, '/') || '/') COLLATE "C" >= ? AND (rtrim(s.value, '/') || '/') COLLATE "C" < ?)

-- is_of_type
strpos(e.types, ?) > 0

-- look

-- in_ellipse

