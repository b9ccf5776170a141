"""
What stands in a database file, read by Python's own sqlite3. One JSON request on stdin, {"path", "queries"};
one JSON answer on stdout: for each query its rows. `schema` in place of a query asks for the schema as data.
"""

import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def schema(connection):
    """
    Names and order of columns, types, defaults, keys, indexes as SQLite understands them; the constraints, of
    which SQLite doesn't tell the names and the checks, as their text with blanks, quotes and the case of words evened out.
    """
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return {name: table(connection, name) for name in sorted(names)}


def table(connection, name):
    (text,) = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [name]).fetchone()
    rows = lambda pragma, argument: connection.execute(f"SELECT * FROM pragma_{pragma}(?)", [argument]).fetchall()
    indexes = []
    for _, index, unique, origin, partial in rows("index_list", name):
        # Indexes that a constraint made are numbered in the order of making.
        columns = [(column, descending, collation) for _, _, column, descending, collation, key in rows("index_xinfo", index) if key]
        indexes.append([index if origin == "c" else "", unique, origin, partial, columns])
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", [name])
    return {
        "columns": [[column, kind, required, default, key] for _, column, kind, required, default, key, _ in rows("table_xinfo", name)],
        "foreignKeys": sorted(list(row[2:]) for row in rows("foreign_key_list", name)),
        "indexes": sorted(indexes, key=json.dumps),
        "constraints": sorted(constraints(text)),
        "triggers": sorted([trigger, even(sql)] for trigger, sql in triggers),
    }


def constraints(text):
    clauses = [even(clause) for clause in at_top_level(text[text.index("(") + 1 : text.rindex(")")])]
    return [clause for clause in clauses if re.match(r"(CONSTRAINT|PRIMARY|FOREIGN|UNIQUE|CHECK)\b", clause)]


def at_top_level(text):
    """The clauses of a definition: cut at the commas that stand in no bracket and no quotes."""
    clauses, depth, quote, start = [], 0, None, 0
    for i, character in enumerate(text):
        if quote is not None:
            quote = None if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "," and depth == 0:
            clauses.append(text[start:i])
            start = i + 1
    return [*clauses, text[start:]]


def even(text):
    """Names keep their case, by which migrations look for them; what a key does on a change has no name."""
    text = re.sub(r'"(\w+)"|`(\w+)`', lambda match: match[1] or match[2], text.strip())
    text = re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", text))
    return re.sub(r"ON (?:DELETE|UPDATE) \w+", lambda match: match[0].upper(), text)


request = json.load(sys.stdin.buffer)
# A path that is not there is an error, not a new file.
with closing(sqlite3.connect(f"{Path(request['path']).as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
    connection.execute("BEGIN")
    answers = [
        schema(connection) if query == "schema" else [list(row) for row in connection.execute(query)] for query in request["queries"]
    ]
json.dump(answers, sys.stdout)
