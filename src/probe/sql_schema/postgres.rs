//! The questions to PostgreSQL. `pg_catalog` is readable by everyone, so the answers do not depend on the user.

use crate::probe::sql_schema::asked::Questions;

pub(super) const QUESTIONS: Questions = Questions {
    // How types and tables are named depends on the search path: with this one every name has its schema.
    before: &["SELECT pg_catalog.set_config('search_path', 'pg_catalog', true) AS c1"],
    tables: "\
        SELECT n.nspname::text AS c1, c.relname::text AS c2, CASE c.relkind WHEN 'r' THEN 'table' \
            WHEN 'p' THEN 'partitioned-table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view' \
            ELSE 'foreign-table' END AS c3 \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        ORDER BY 1, 2",
    columns: "\
        SELECT n.nspname::text AS c1, c.relname::text AS c2, a.attname::text AS c3, \
            pg_catalog.format_type(a.atttypid, a.atttypmod)::text AS c4, \
            CASE WHEN a.attnotnull THEN 'not null' END AS c5, pg_catalog.pg_get_expr(d.adbin, d.adrelid)::text AS c6, \
            CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity' END AS c7 \
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
            AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        ORDER BY 1, 2, a.attnum",
    // A definition reads `CREATE UNIQUE INDEX name ON table USING btree (id)`: the names stand before it already.
    indexes: "\
        SELECT n.nspname::text AS c1, t.relname::text AS c2, i.relname::text AS c3, \
            CASE WHEN x.indisunique THEN 'unique ' ELSE '' END \
                || pg_catalog.substring(pg_catalog.pg_get_indexdef(x.indexrelid), ' USING (.*)$') AS c4, \
            NULL::text AS c5, CASE WHEN NOT x.indisvalid THEN 'invalid' END AS c6 \
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
            JOIN pg_catalog.pg_class t ON t.oid = x.indrelid \
            JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        ORDER BY 1, 2, 3",
    constraints: &["\
        SELECT n.nspname::text AS c1, t.relname::text AS c2, o.conname::text AS c3, \
            pg_catalog.pg_get_constraintdef(o.oid)::text AS c4 \
        FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class t ON t.oid = o.conrelid \
            JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
        WHERE o.contype IN ('p', 'f', 'u', 'c', 'x') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        ORDER BY 1, 2, 3"],
};
