"""Rows of the example databases, drawn from one seed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from typing import Any

_SEED = 20240601
_FIRST_DAY = dt.date(2024, 1, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class ExampleTable:
    """One table: its CREATE TABLE statement and its rows."""

    name: str
    ddl: str
    rows: list[tuple[Any, ...]]


_CITIES = ("Lyon", "Porto", "Gdansk", "Bergen", "Graz", "Turku")
_NAMES = (
    "Ada Brandt", "Ben Costa", "Clara Dahl", "David Eriksen", "Elif Falk", "Femi Grant",
    "Greta Holm", "Hugo Ibsen", "Ines Jung", "Jonas Klein", "Karin Lund", "Liam Moreau",
    "Mira Novak", "Nils Oda", "Olga Petrov", "Pablo Quist", "Quinn Rossi", "Rosa Silva",
    "Sami Torres", "Tara Ueda", "Umar Varga", "Vera Weiss", "Willem Xu", "Yara Zeman",
)  # fmt: skip
_PRODUCTS = (
    ("Oak Table", "furniture", 240.0), ("Pine Chair", "furniture", 55.0),
    ("Book Shelf", "furniture", 130.0), ("Desk Lamp", "lighting", 32.5),
    ("Floor Lamp", "lighting", 78.0), ("Candle Set", "lighting", 12.0),
    ("Wool Rug", "textile", 149.0), ("Linen Curtain", "textile", 64.0),
    ("Cotton Sheet", "textile", 38.0), ("Cushion", "textile", 18.5),
    ("Cast Pan", "kitchen", 45.0), ("Tea Kettle", "kitchen", 29.0),
    ("Knife Block", "kitchen", 88.0), ("Soup Bowl", "kitchen", 9.0),
    ("Garden Bench", "garden", 175.0), ("Plant Pot", "garden", 14.0),
)  # fmt: skip


def shop_tables() -> list[ExampleTable]:
    """Customers buy products."""
    rng = random.Random(_SEED)
    customers = [
        (i, name, rng.choice(_CITIES), rng.randint(19, 78)) for i, name in enumerate(_NAMES, 1)
    ]
    products = [
        (i, name, category, price, rng.randint(0, 60))
        for i, (name, category, price) in enumerate(_PRODUCTS, 1)
    ]
    sales = [
        (
            i,
            # The last three customers and the last product have bought and sold nothing.
            rng.randint(1, len(customers) - 3),
            rng.randint(1, len(products) - 1),
            rng.randint(1, 5),
            _day(rng, 180),
        )
        for i in range(1, 301)
    ]
    return [
        ExampleTable(
            "customer",
            "CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name VARCHAR, "
            "city VARCHAR, age INTEGER)",
            list(customers),
        ),
        ExampleTable(
            "product",
            "CREATE TABLE product (product_id INTEGER PRIMARY KEY, product_name VARCHAR, "
            "category VARCHAR, price REAL, stock INTEGER)",
            list(products),
        ),
        ExampleTable(
            "sale",
            "CREATE TABLE sale (sale_id INTEGER PRIMARY KEY, "
            "customer_id INTEGER REFERENCES customer (customer_id), "
            "product_id INTEGER REFERENCES product (product_id), quantity INTEGER, "
            "sale_date VARCHAR)",
            list(sales),
        ),
    ]


_AUTHORS = (
    ("Ane Solberg", "Norway", 1951), ("Bruno Mello", "Brazil", 1968),
    ("Chiara Neri", "Italy", 1974), ("Dai Tanaka", "Japan", 1949),
    ("Esra Aydin", "Turkey", 1982), ("Frieda Baum", "Germany", 1939),
    ("Gael Perrin", "France", 1990), ("Hana Svoboda", "Czechia", 1977),
    ("Ivo Marin", "Croatia", 1963), ("Jun Park", "South Korea", 1985),
)  # fmt: skip
_GENRES = ("novel", "poetry", "history", "science", "crime")
_TITLE_ONE = ("Silent", "Broken", "Golden", "Northern", "Hidden", "Last", "Paper", "Winter")
_TITLE_TWO = ("River", "Garden", "Letter", "Harbour", "Mirror", "Orchard", "Station")


def library_tables() -> list[ExampleTable]:
    """Members borrow books."""
    rng = random.Random(_SEED + 1)
    titles = [f"{one} {two}" for one in _TITLE_ONE for two in _TITLE_TWO]
    rng.shuffle(titles)
    books = [
        (
            i,
            title,
            rng.randint(1, len(_AUTHORS) - 1),
            rng.choice(_GENRES),
            rng.randint(1975, 2023),
            rng.randint(96, 640),
        )
        for i, title in enumerate(titles[:48], 1)
    ]
    members = [
        (i, name, rng.choice(_CITIES), rng.randint(2015, 2024)) for i, name in enumerate(_NAMES, 1)
    ]
    loans = []
    for i in range(1, 161):
        lent = _FIRST_DAY + dt.timedelta(days=rng.randint(0, 150))
        # One in five has not come back.
        back = None if rng.random() < 0.2 else lent + dt.timedelta(days=rng.randint(2, 40))
        loans.append(
            (
                i,
                rng.randint(1, 44),
                rng.randint(1, len(members) - 2),
                lent.isoformat(),
                back.isoformat() if back else None,
            )
        )
    return [
        ExampleTable(
            "author",
            "CREATE TABLE author (author_id INTEGER PRIMARY KEY, name VARCHAR, "
            "country VARCHAR, birth_year INTEGER)",
            [(i, *author) for i, author in enumerate(_AUTHORS, 1)],
        ),
        ExampleTable(
            "book",
            "CREATE TABLE book (book_id INTEGER PRIMARY KEY, title VARCHAR, "
            "author_id INTEGER REFERENCES author (author_id), genre VARCHAR, "
            "publication_year INTEGER, pages INTEGER)",
            list(books),
        ),
        ExampleTable(
            "member",
            "CREATE TABLE member (member_id INTEGER PRIMARY KEY, name VARCHAR, "
            "city VARCHAR, joined_year INTEGER)",
            list(members),
        ),
        ExampleTable(
            "loan",
            "CREATE TABLE loan (loan_id INTEGER PRIMARY KEY, "
            "book_id INTEGER REFERENCES book (book_id), "
            "member_id INTEGER REFERENCES member (member_id), loan_date VARCHAR, "
            "return_date VARCHAR)",
            list(loans),
        ),
    ]


_AIRPORTS = (
    ("OSL", "Oslo", "Norway"), ("CPH", "Copenhagen", "Denmark"), ("LIS", "Lisbon", "Portugal"),
    ("VIE", "Vienna", "Austria"), ("WAW", "Warsaw", "Poland"), ("HEL", "Helsinki", "Finland"),
    ("ATH", "Athens", "Greece"), ("DUB", "Dublin", "Ireland"), ("BGO", "Bergen", "Norway"),
)  # fmt: skip
_AIRLINES = (
    ("Fjord Air", "Norway", 1961), ("Danube Wings", "Austria", 1988),
    ("Atlantic Blue", "Portugal", 1974), ("Baltic Jet", "Poland", 2003),
    ("Aegean Star", "Greece", 1995),
)  # fmt: skip


def flights_tables() -> list[ExampleTable]:
    """Airlines fly between airports."""
    rng = random.Random(_SEED + 2)
    codes = [code for code, *_ in _AIRPORTS]
    flights = []
    for i in range(1, 221):
        # Nobody flies to the last airport.
        origin, destination = rng.sample(codes[:-1], 2)
        flights.append(
            (
                i,
                rng.randint(1, len(_AIRLINES)),
                origin,
                destination,
                rng.randint(240, 3400),
                round(rng.uniform(29.0, 480.0), 2),
                rng.choice((78, 120, 156, 189, 220)),
            )
        )
    return [
        ExampleTable(
            "airport",
            "CREATE TABLE airport (code VARCHAR PRIMARY KEY, city VARCHAR, country VARCHAR)",
            list(_AIRPORTS),
        ),
        ExampleTable(
            "airline",
            "CREATE TABLE airline (airline_id INTEGER PRIMARY KEY, airline_name VARCHAR, "
            "country VARCHAR, founded INTEGER)",
            [(i, *airline) for i, airline in enumerate(_AIRLINES, 1)],
        ),
        ExampleTable(
            "flight",
            "CREATE TABLE flight (flight_id INTEGER PRIMARY KEY, "
            "airline_id INTEGER REFERENCES airline (airline_id), "
            "origin VARCHAR REFERENCES airport (code), "
            "destination VARCHAR REFERENCES airport (code), distance INTEGER, price DOUBLE, "
            "seats INTEGER)",
            list(flights),
        ),
    ]


def _day(rng: random.Random, days: int) -> str:
    return (_FIRST_DAY + dt.timedelta(days=rng.randint(0, days))).isoformat()
