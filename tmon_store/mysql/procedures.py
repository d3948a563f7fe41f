"""Stored procedures of the template database: conveniences for people at a client, thin ones.

What the scripts do is done without them. All take the name of the database they work on first, check it, and run with the rights of
who calls them, not of who made them: an account that may only read changes nothing by calling one.
"""



from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tmon_store.mysql.partitions import FUTURE, MAX_PARTITIONS, PAST

if TYPE_CHECKING:
    import sqlalchemy as sa

NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"
_DATABASE = "THE_DATABASE"
"""Stands in statements where the name of the database comes, which is known when a procedure is called."""
_VALUE = re.compile(r"%\((\w+)\)s")


def procedure_text(name: str, parameters: Mapping[str, str], statements: Iterable[sa.Executable | tuple[str, ...]],
                   comment: str = "", *, steps: Mapping[str, str] | None = None, alone: bool = False) -> list[str]:
    """Statements that make a procedure, or make it anew, which runs `statements` in a database of the caller's choice.

    parameters      name -> type of what it takes after the name of the database
    statements      as SQLAlchemy writes them, with bound parameters of these names where their values come, and all tables as
                    sa.Table, which are then those of that database; or ("CALL", procedure, argument ...): a call of another
                    procedure with the name of the database and these arguments, SQL over parameters
    steps           further values: name -> SQL over parameters (`p_<name>`), for bound parameters that are none, or another value
                    for those that are
    alone           no loader, and no other such procedure, writes to the database meanwhile
    All of it is one transaction, but for what is called.
    """
    given = list(dict.fromkeys([*parameters, *(steps or {})]))
    body = [_checked("p_database"), *([_ALONE] if alone else [])]
    body += [f"SET @trafmon_{n} = p_{n};" for n in parameters]
    body += [f"SET @trafmon_{n} = {text};" for n, text in (steps or {}).items()]
    begun = False
    for statement in statements:
        if isinstance(statement, tuple):
            body.append(f'CALL "{statement[1]}"({", ".join(("p_database", *statement[2:]))});')
            continue
        if not begun:
            body.append("START TRANSACTION;")
            begun = True
        text = _quoted(_written(statement, given))
        body += _run(f"REPLACE({text}, '{_DATABASE}', p_database)")
    body += (["COMMIT;"] if begun else []) + ([_LET_GO] if alone else [])
    handler = f"DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; {_LET_GO if alone else ''} RESIGNAL; END;"
    return _made(name, parameters, [handler, *body] if begun or alone else body, comment)


def built_in() -> list[str]:
    """Statements that make the procedures that need nothing but partitions and working tables."""
    return [*_partition_add(), *_partition_drop(), *_drop_working_tables()]


def _partition_add() -> list[str]:
    """Makes room for the rows of one day, as `partitions.to_prepare` does."""
    here = "FROM information_schema.partitions WHERE table_schema = p_database AND table_name = p_table"
    bound = "CAST(SUBSTRING(partition_description, 2, 10) AS DATE)"
    return _made("Partition_add", {"table": "VARCHAR(64)", "day": "DATE"}, [
        "DECLARE first DATE; DECLARE after DATE; DECLARE low DATE; DECLARE high DATE;",
        "DECLARE split VARCHAR(64); DECLARE parts INT; DECLARE pieces TEXT DEFAULT '';",
        _checked("p_database"), _checked("p_table"), _REAL_TABLE,
        (r"IF p_table LIKE '%\_1day' OR p_table LIKE '%\_1day\_rows' THEN"
        " SET first = DATE_FORMAT(p_day, '%Y-%m-01'), after = first + INTERVAL 1 MONTH;"
        " ELSE SET first = p_day, after = p_day + INTERVAL 1 DAY; END IF;"),
        f"SELECT COUNT(*) INTO parts {here};",
        f"SELECT MAX({bound}) INTO low {here} AND partition_description <> 'MAXVALUE' AND {bound} <= first;",
        f"SELECT MIN({bound}) INTO high {here} AND partition_description <> 'MAXVALUE' AND {bound} > first;",
        (f"SELECT partition_name INTO split {here} AND (partition_description = 'MAXVALUE' OR {bound} > first)"
        " ORDER BY partition_ordinal_position LIMIT 1;"),
        f"IF parts > {MAX_PARTITIONS - 2} THEN {_refused('the table has too many partitions')} END IF;",
        "IF split IS NOT NULL AND NOT (COALESCE(low = first, FALSE) AND COALESCE(high = after, FALSE)) THEN",
        ("IF low IS NULL OR low < first THEN SET pieces = CONCAT('PARTITION \"',"
        f" IF(low IS NULL, '{PAST}', DATE_FORMAT(first, 'g%Y%m%d')), '\" VALUES LESS THAN (''', first, '''), '); END IF;"),
        ("SET pieces = CONCAT(pieces, 'PARTITION \"p', DATE_FORMAT(first, IF(DAY(first) = 1 AND after > first + INTERVAL 1 DAY,"
        " '%Y%m', '%Y%m%d')), '\" VALUES LESS THAN (''', after, ''')');"),
        (f"IF high IS NULL THEN SET pieces = CONCAT(pieces, ', PARTITION \"{FUTURE}\" VALUES LESS THAN (MAXVALUE)');"
        " ELSEIF after < high THEN SET pieces = CONCAT(pieces, ', PARTITION \"', DATE_FORMAT(high, 'g%Y%m%d'),"
        " '\" VALUES LESS THAN (''', high, ''')'); END IF;"),
        *_run(f"{_ALTER}REORGANIZE PARTITION \"', split, '\" INTO (', pieces, ')')"),
        "END IF;",
    ], "Make room in a table for rows of a day")


def _partition_drop() -> list[str]:
    """Drops what is old, as `partitions.to_drop` does."""
    old = ("FROM information_schema.partitions WHERE table_schema = p_database AND table_name = p_table"
           " AND partition_description <> 'MAXVALUE' AND CAST(SUBSTRING(partition_description, 2, 10) AS DATE) <= until")
    return _made("Partition_drop", {"table": "VARCHAR(64)", "keep_days": "INT"}, [
        "DECLARE until DATE; DECLARE last VARCHAR(64); DECLARE bound VARCHAR(64); DECLARE others LONGTEXT;",
        _checked("p_database"), _checked("p_table"), _REAL_TABLE,
        f"IF COALESCE(p_keep_days, 0) < 1 THEN {_refused('keep_days: expected 1 or more')} END IF;",
        "SET SESSION group_concat_max_len = 1000000;",
        "SET until = DATE(UTC_TIMESTAMP()) - INTERVAL p_keep_days DAY;",
        f"SELECT partition_name, partition_description INTO last, bound {old} ORDER BY partition_ordinal_position DESC LIMIT 1;",
        f"IF last IS NOT NULL AND last <> '{PAST}' THEN",
        f"SELECT GROUP_CONCAT(CONCAT('\"', partition_name, '\"')) INTO others {old} AND partition_name <> last;",
        "IF others IS NOT NULL THEN", *_run(f"{_ALTER}DROP PARTITION ', others)"), "END IF;",
        *_run(f"{_ALTER}TRUNCATE PARTITION \"', last, '\"')"),
        *_run(f"{_ALTER}REORGANIZE PARTITION \"', last, '\" INTO (PARTITION \"{PAST}\" VALUES LESS THAN (', bound, '))')"),
        "END IF;",
    ], "Drop the partitions of a table whose rows are all older than so many days")


def _drop_working_tables() -> list[str]:
    return _made("Drop_working_tables", {}, [
        "DECLARE names LONGTEXT;", _checked("p_database"),
        "SET SESSION group_concat_max_len = 1000000;",
        ("SELECT GROUP_CONCAT(CONCAT('\"', table_schema, '\".\"', table_name, '\"')) INTO names FROM information_schema.tables"
        r" WHERE table_schema = p_database AND table_type = 'BASE TABLE' AND table_name REGEXP '^working_[A-Za-z0-9_]*$';"),
        "IF names IS NOT NULL THEN", *_run("CONCAT('DROP TABLE ', names)"), "END IF;",
    ], "Drop tables in which a program kept rows for itself and was stopped")


_ALTER = "CONCAT('ALTER TABLE \"', p_database, '\".\"', p_table, '\" "
_REAL_TABLE = ("IF EXISTS (SELECT 1 FROM information_schema.views WHERE table_schema = p_database AND table_name = p_table)"
               " THEN SET p_table = CONCAT(p_table, '_rows'); END IF;")


def _made(name: str, parameters: Mapping[str, str], body: list[str], comment: str) -> list[str]:
    taken = ", ".join(f"IN p_{n} {kind}" for n, kind in ({"database": "VARCHAR(64)"} | dict(parameters)).items())
    note = f" COMMENT {_quoted(comment)}" if comment else ""
    return [f'DROP PROCEDURE IF EXISTS "{name}"',
            f'CREATE PROCEDURE "{name}"({taken}) SQL SECURITY INVOKER{note} BEGIN {" ".join(body)} END']


def _checked(argument: str) -> str:
    """A name goes into statements: nothing but letters, digits and _ may be in it."""
    return (f"IF {argument} IS NULL OR NOT {argument} REGEXP '{NAME_PATTERN}' THEN"
            f" {_refused(f'{argument[2:]}: expected letters, digits and _')} END IF;")


def _refused(reason: str) -> str:
    return f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{reason}';"


_LOCK = "LEFT(CONCAT(p_database, '.loader'), 64)"
_ALONE = f"IF COALESCE(GET_LOCK({_LOCK}, 3), 0) <> 1 THEN {_refused('a loader has the database open for writing')} END IF;"
_LET_GO = f"DO RELEASE_LOCK({_LOCK});"


def _run(expression: str) -> list[str]:
    return [f"SET @trafmon_statement = {expression};", "PREPARE trafmon_prepared FROM @trafmon_statement;",
            "EXECUTE trafmon_prepared;", "DEALLOCATE PREPARE trafmon_prepared;"]


def _written(statement: sa.Executable, given: list[str]) -> str:
    """The statement as text, its tables of the database that stands for the one to come."""
    from sqlalchemy.dialects.mysql.mysqlconnector import MySQLDialect_mysqlconnector

    made = statement.compile(dialect=MySQLDialect_mysqlconnector(paramstyle="pyformat"), schema_translate_map={None: _DATABASE},
                             render_schema_translate=True)
    expanded = made.construct_expanded_state(dict.fromkeys(given))
    text, values = expanded.statement, expanded.parameters
    return _VALUE.sub(lambda m: f"@trafmon_{m[1]}" if m[1] in given else _literal(values[m[1]]), text)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return _quoted(value)
    msg = f"no literal in a procedure for {value!r}"
    raise TypeError(msg)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
