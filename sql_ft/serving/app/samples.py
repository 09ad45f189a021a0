"""The databases that come with the page, made when it starts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sql_ft.serving.app.session import SampleDatabase


def make_samples(folder: Path) -> tuple[SampleDatabase, ...]:
    path = folder / "shop.sqlite"
    con = sqlite3.connect(path)
    con.executescript("""
    create table customer(customer_id integer primary key, name text, city text, joined text);
    create table orders(order_id integer primary key, customer_id integer references customer(customer_id), amount real, ordered_on text);
    """)
    con.executemany(
        "insert into customer values(?,?,?,?)",
        [
            (i, f"Customer {i}", ["Lyon", "Oslo", "Graz"][i % 3], f"2024-0{1 + i % 9}-11")
            for i in range(1, 41)
        ],
    )
    con.executemany(
        "insert into orders values(?,?,?,?)",
        [
            (i, 1 + i % 40, round((i * 37) % 500 + 0.5, 2), f"2024-0{1 + i % 9}-{10 + i % 18}")
            for i in range(1, 200)
        ],
    )
    con.commit()
    con.close()
    return (
        SampleDatabase(
            "shop",
            path,
            (
                "How many customers are there?",
                "What is the average amount of orders?",
                "Show the city and the number of customers for each city.",
            ),
        ),
    )
