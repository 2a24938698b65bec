//! The questions to MySQL and MariaDB. `information_schema` shows a user only what it has privileges for.

use serde_json::Value;

use crate::probe::sql::engine::Answer;
use crate::probe::sql_schema::asked::Questions;

pub(super) const QUESTIONS: Questions = Questions {
    // MySQL 5.7 has no table of checks; MariaDB's has a column more than MySQL's.
    before: &["\
        SELECT CAST(LOWER(COLUMN_NAME) AS CHAR) AS c1 FROM information_schema.COLUMNS \
        WHERE LOWER(TABLE_SCHEMA) = 'information_schema' AND LOWER(TABLE_NAME) = 'check_constraints'"],
    tables: "\
        SELECT CAST(TABLE_SCHEMA AS CHAR) AS c1, CAST(TABLE_NAME AS CHAR) AS c2, \
            CAST(CASE TABLE_TYPE WHEN 'BASE TABLE' THEN 'table' ELSE REPLACE(LOWER(TABLE_TYPE), ' ', '-') END AS CHAR) \
                AS c3 \
        FROM information_schema.TABLES \
        WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
        ORDER BY TABLE_SCHEMA, TABLE_NAME",
    columns: "\
        SELECT CAST(TABLE_SCHEMA AS CHAR) AS c1, CAST(TABLE_NAME AS CHAR) AS c2, CAST(COLUMN_NAME AS CHAR) AS c3, \
            CAST(COLUMN_TYPE AS CHAR) AS c4, CAST(CASE IS_NULLABLE WHEN 'NO' THEN 'not null' END AS CHAR) AS c5, \
            CAST(COLUMN_DEFAULT AS CHAR) AS c6, CAST(LOWER(EXTRA) AS CHAR) AS c7 \
        FROM information_schema.COLUMNS \
        WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
        ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
    indexes: "\
        SELECT CAST(TABLE_SCHEMA AS CHAR) AS c1, CAST(TABLE_NAME AS CHAR) AS c2, CAST(INDEX_NAME AS CHAR) AS c3, \
            CAST(CONCAT(CASE NON_UNIQUE WHEN 0 THEN 'unique ' ELSE '' END, LOWER(INDEX_TYPE)) AS CHAR) AS c4, \
            CAST(CONCAT(COALESCE(COLUMN_NAME, 'an expression'), \
                CASE WHEN SUB_PART IS NULL THEN '' ELSE CONCAT('(', SUB_PART, ')') END, \
                CASE COLLATION WHEN 'D' THEN ' desc' ELSE '' END) AS CHAR) AS c5 \
        FROM information_schema.STATISTICS \
        WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
        ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
    // A unique constraint and a foreign key of a table may share their name: the type tells their columns apart.
    constraints: &["\
        SELECT CAST(k.TABLE_SCHEMA AS CHAR) AS c1, CAST(k.TABLE_NAME AS CHAR) AS c2, \
            CAST(k.CONSTRAINT_NAME AS CHAR) AS c3, CAST(LOWER(t.CONSTRAINT_TYPE) AS CHAR) AS c4, \
            CAST(k.COLUMN_NAME AS CHAR) AS c5, \
            CAST(CONCAT(k.REFERENCED_TABLE_SCHEMA, '.', k.REFERENCED_TABLE_NAME) AS CHAR) AS c6, \
            CAST(k.REFERENCED_COLUMN_NAME AS CHAR) AS c7, \
            CAST(CONCAT('on update ', LOWER(r.UPDATE_RULE), ' on delete ', LOWER(r.DELETE_RULE)) AS CHAR) AS c8 \
        FROM information_schema.KEY_COLUMN_USAGE k \
            JOIN information_schema.TABLE_CONSTRAINTS t ON t.TABLE_SCHEMA = k.TABLE_SCHEMA \
                AND t.TABLE_NAME = k.TABLE_NAME AND t.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
                AND (t.CONSTRAINT_TYPE = 'FOREIGN KEY') = (k.REFERENCED_TABLE_NAME IS NOT NULL) \
            LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA \
                AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
                AND k.REFERENCED_TABLE_NAME IS NOT NULL \
        WHERE k.TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
        ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"],
};

/// MySQL names checks once in a schema.
const CHECKS_OF_A_SCHEMA: &str = "\
    SELECT CAST(t.TABLE_SCHEMA AS CHAR) AS c1, CAST(t.TABLE_NAME AS CHAR) AS c2, \
        CAST(t.CONSTRAINT_NAME AS CHAR) AS c3, 'check' AS c4, CAST(c.CHECK_CLAUSE AS CHAR) AS c5 \
    FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c \
        ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME \
    WHERE t.CONSTRAINT_TYPE = 'CHECK' \
        AND t.TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
    ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME, t.CONSTRAINT_NAME";

/// MariaDB names them once in a table.
const CHECKS_OF_TABLES: &str = "\
    SELECT CAST(CONSTRAINT_SCHEMA AS CHAR) AS c1, CAST(TABLE_NAME AS CHAR) AS c2, CAST(CONSTRAINT_NAME AS CHAR) AS c3, \
        'check' AS c4, CAST(CHECK_CLAUSE AS CHAR) AS c5 \
    FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
    ORDER BY CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME";

/// The question for checks, where the server has any, by the columns that its table of checks has.
pub(super) fn checks(before: &[Answer]) -> Option<&'static str> {
    let rows = &before.first()?.rows;
    let names: Vec<&str> = rows.iter().filter_map(|row| row.first().and_then(Value::as_str)).collect();
    match names.as_slice() {
        [] => None,
        names if names.contains(&"table_name") => Some(CHECKS_OF_TABLES),
        _ => Some(CHECKS_OF_A_SCHEMA),
    }
}

#[cfg(test)]
mod tests {
    use super::{CHECKS_OF_A_SCHEMA, CHECKS_OF_TABLES, checks};
    use crate::probe::sql::engine::Answer;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[test]
    fn checks_are_asked_for_where_there_are_any() {
        let answer = |names: &[&str]| Answer {
            columns: vec!["c1".to_owned()],
            rows: names.iter().map(|name| vec![Value::from(*name)]).collect(),
            more: false,
            facts: BTreeMap::new(),
        };
        assert_eq!(checks(&[]), None);
        assert_eq!(checks(&[answer(&[])]), None);
        assert_eq!(checks(&[answer(&["constraint_schema", "check_clause"])]), Some(CHECKS_OF_A_SCHEMA));
        assert_eq!(checks(&[answer(&["constraint_schema", "table_name"])]), Some(CHECKS_OF_TABLES));
    }
}
