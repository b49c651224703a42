"""What would take an attacker long is written into the tables at once: his own rows, by the hundred thousand."""

from psycopg import sql

from tests.faults.house import House


def member(house: House) -> str:
    """Return the id by which our tables know a portal."""
    return str(house.state()["member_id"])


def portal_id(house: House) -> int:
    """Return the key of a portal's row."""
    return int(house.sql("SELECT id FROM portals_portal WHERE member_id = %s", member(house))[0][0])


def columns(house: House, table: str) -> list[str]:
    """Return the columns of a table that a copy of a row must bring along."""
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id'"
    return [str(name) for (name,) in house.sql(query, table)]


def multiply(house: House, table: str, pattern: int, count: int, **changed: str) -> None:
    """Insert `count` copies of the row `pattern`; `changed` are SQL over `t`, the row, and `g`, a number."""
    names = columns(house, table)
    values = [
        sql.SQL(changed[name]) if name in changed else sql.SQL("t.{}").format(sql.Identifier(name)) for name in names
    ]
    house.sql(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, generate_series(1, %s) g WHERE t.id = %s"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(values),
        ),
        count,
        pattern,
    )


def stop_numbers(house: House, count: int) -> None:
    """Put so many invented numbers on a portal's stop list."""
    portal = portal_id(house)
    house.sql(
        "INSERT INTO messaging_stoppednumber (uuid, portal_id, number, source, added_by, added_at, note)"
        " SELECT gen_random_uuid(), %s, '+1302' || lpad(g::text, 7, '0'), 'file', 1, now(), repeat('noted ', 30)"
        " FROM generate_series(1, %s) g ON CONFLICT DO NOTHING",
        portal,
        count,
    )
