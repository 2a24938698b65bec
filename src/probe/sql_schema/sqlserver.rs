//! The questions to SQL Server. The `sys` views show a user only what it has a permission on.

use crate::probe::sql_schema::asked::Questions;

pub(super) const QUESTIONS: Questions = Questions {
    before: &[],
    tables: "\
        SELECT s.name AS c1, o.name AS c2, CASE o.type WHEN 'U' THEN 'table' ELSE 'view' END AS c3 \
        FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id \
        WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 \
        ORDER BY s.name, o.name",
    columns: "\
        SELECT s.name AS c1, o.name AS c2, c.name AS c3, t.name \
            + CASE WHEN t.name IN ('varchar', 'char', 'varbinary', 'binary') \
                THEN '(' + CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length AS varchar(11)) END + ')' \
            WHEN t.name IN ('nvarchar', 'nchar') \
                THEN '(' + CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length / 2 AS varchar(11)) END + ')' \
            WHEN t.name IN ('decimal', 'numeric') \
                THEN '(' + CAST(c.[precision] AS varchar(11)) + ',' + CAST(c.[scale] AS varchar(11)) + ')' \
            WHEN t.name IN ('datetime2', 'datetimeoffset', 'time') THEN '(' + CAST(c.[scale] AS varchar(11)) + ')' \
            ELSE '' END AS c4, \
            CASE c.is_nullable WHEN 0 THEN 'not null' END AS c5, d.definition AS c6, \
            CASE WHEN c.is_identity = 1 THEN 'identity' WHEN p.definition IS NOT NULL \
                THEN 'computed ' + p.definition END AS c7 \
        FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id \
            JOIN sys.schemas s ON s.schema_id = o.schema_id JOIN sys.types t ON t.user_type_id = c.user_type_id \
            LEFT JOIN sys.default_constraints d ON d.object_id = c.default_object_id \
            LEFT JOIN sys.computed_columns p ON p.object_id = c.object_id AND p.column_id = c.column_id \
        WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 \
        ORDER BY s.name, o.name, c.column_id",
    indexes: "\
        SELECT s.name AS c1, o.name AS c2, i.name AS c3, \
            CASE i.is_unique WHEN 1 THEN 'unique ' ELSE '' END + LOWER(i.type_desc) AS c4, \
            c.name + CASE WHEN ic.is_included_column = 1 THEN ' included' WHEN ic.is_descending_key = 1 THEN ' desc' \
                ELSE '' END AS c5, \
            CASE WHEN i.is_disabled = 1 THEN 'disabled' WHEN i.has_filter = 1 THEN 'where ' + i.filter_definition END \
                AS c6 \
        FROM sys.indexes i JOIN sys.objects o ON o.object_id = i.object_id \
            JOIN sys.schemas s ON s.schema_id = o.schema_id \
            JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id \
            JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
        WHERE i.type > 0 AND o.type IN ('U', 'V') AND o.is_ms_shipped = 0 \
        ORDER BY s.name, o.name, i.name, ic.is_included_column, ic.key_ordinal, ic.index_column_id",
    constraints: &[KEYS, FOREIGN_KEYS, CHECKS],
};

const KEYS: &str = "\
    SELECT s.name AS c1, o.name AS c2, k.name AS c3, CASE k.type WHEN 'PK' THEN 'primary key' ELSE 'unique' END AS c4, \
        c.name AS c5 \
    FROM sys.key_constraints k JOIN sys.objects o ON o.object_id = k.parent_object_id \
        JOIN sys.schemas s ON s.schema_id = o.schema_id \
        JOIN sys.index_columns ic ON ic.object_id = k.parent_object_id AND ic.index_id = k.unique_index_id \
        JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
    WHERE o.is_ms_shipped = 0 AND ic.is_included_column = 0 \
    ORDER BY s.name, o.name, k.name, ic.key_ordinal";

const FOREIGN_KEYS: &str = "\
    SELECT s.name AS c1, o.name AS c2, f.name AS c3, 'foreign key' AS c4, c.name AS c5, rs.name + '.' + r.name AS c6, \
        rc.name AS c7, 'on update ' + LOWER(f.update_referential_action_desc) + ' on delete ' \
            + LOWER(f.delete_referential_action_desc) + CASE f.is_disabled WHEN 1 THEN ' disabled' ELSE '' END AS c8 \
    FROM sys.foreign_keys f JOIN sys.foreign_key_columns fc ON fc.constraint_object_id = f.object_id \
        JOIN sys.objects o ON o.object_id = f.parent_object_id JOIN sys.schemas s ON s.schema_id = o.schema_id \
        JOIN sys.columns c ON c.object_id = fc.parent_object_id AND c.column_id = fc.parent_column_id \
        JOIN sys.objects r ON r.object_id = f.referenced_object_id JOIN sys.schemas rs ON rs.schema_id = r.schema_id \
        JOIN sys.columns rc ON rc.object_id = fc.referenced_object_id AND rc.column_id = fc.referenced_column_id \
    WHERE o.is_ms_shipped = 0 \
    ORDER BY s.name, o.name, f.name, fc.constraint_column_id";

const CHECKS: &str = "\
    SELECT s.name AS c1, o.name AS c2, k.name AS c3, 'check' AS c4, k.definition AS c5, \
        CAST(NULL AS nvarchar(1)) AS c6, CAST(NULL AS nvarchar(1)) AS c7, \
        CASE k.is_disabled WHEN 1 THEN 'disabled' END AS c8 \
    FROM sys.check_constraints k JOIN sys.objects o ON o.object_id = k.parent_object_id \
        JOIN sys.schemas s ON s.schema_id = o.schema_id \
    WHERE o.is_ms_shipped = 0 \
    ORDER BY s.name, o.name, k.name";
