"""Thirty questions with golds: ten a database, from easy to hard."""

from __future__ import annotations

QUESTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "shop": (
        ("How many customers are there?", "SELECT COUNT(*) FROM customer"),
        (
            "List the names of all customers from Porto.",
            "SELECT name FROM customer WHERE city = 'Porto'",
        ),
        ("What is the average price of all products?", "SELECT AVG(price) FROM product"),
        (
            "List all product names in alphabetical order.",
            "SELECT product_name FROM product ORDER BY product_name",
        ),
        (
            "How many products are there in each category?",
            "SELECT category, COUNT(*) FROM product GROUP BY category",
        ),
        (
            "Which product has the highest price?",
            "SELECT product_name FROM product ORDER BY price DESC LIMIT 1",
        ),
        (
            "How many sales has each customer made? Show the name and the number.",
            "SELECT T1.name, COUNT(*) FROM customer AS T1 JOIN sale AS T2 "
            "ON T1.customer_id = T2.customer_id GROUP BY T1.customer_id",
        ),
        (
            "Which customers have never bought anything?",
            "SELECT name FROM customer WHERE customer_id NOT IN (SELECT customer_id FROM sale)",
        ),
        (
            "What is the total quantity sold of each product?",
            "SELECT T1.product_name, SUM(T2.quantity) FROM product AS T1 JOIN sale AS T2 "
            "ON T1.product_id = T2.product_id GROUP BY T1.product_id",
        ),
        (
            "What are the names of products that cost more than the average price?",
            "SELECT product_name FROM product WHERE price > (SELECT AVG(price) FROM product)",
        ),
    ),
    "library": (
        ("How many books are there?", "SELECT COUNT(*) FROM book"),
        (
            "What are the titles of all poetry books?",
            "SELECT title FROM book WHERE genre = 'poetry'",
        ),
        ("What is the largest number of pages of any book?", "SELECT MAX(pages) FROM book"),
        ("List the different genres.", "SELECT DISTINCT genre FROM book"),
        (
            "How many members joined after 2020?",
            "SELECT COUNT(*) FROM member WHERE joined_year > 2020",
        ),
        (
            "What are the name and country of authors born before 1960?",
            "SELECT name, country FROM author WHERE birth_year < 1960",
        ),
        (
            "Show the titles of books written by Chiara Neri.",
            "SELECT T2.title FROM author AS T1 JOIN book AS T2 ON T1.author_id = T2.author_id "
            "WHERE T1.name = 'Chiara Neri'",
        ),
        (
            "How many loans have not been returned?",
            "SELECT COUNT(*) FROM loan WHERE return_date IS NULL",
        ),
        (
            "Which genres have at least 10 books?",
            "SELECT genre FROM book GROUP BY genre HAVING COUNT(*) >= 10",
        ),
        (
            "Which author has written the most books?",
            "SELECT T1.name FROM author AS T1 JOIN book AS T2 ON T1.author_id = T2.author_id "
            "GROUP BY T1.author_id ORDER BY COUNT(*) DESC LIMIT 1",
        ),
    ),
    "flights": (
        ("How many flights are there?", "SELECT COUNT(*) FROM flight"),
        ("List the cities of all airports.", "SELECT city FROM airport"),
        (
            "What is the average price of flights from OSL?",
            "SELECT AVG(price) FROM flight WHERE origin = 'OSL'",
        ),
        (
            "What are the names of airlines founded after 1980?",
            "SELECT airline_name FROM airline WHERE founded > 1980",
        ),
        (
            "How many airports does each country have?",
            "SELECT country, COUNT(*) FROM airport GROUP BY country",
        ),
        (
            "What are the shortest and the longest distance of all flights?",
            "SELECT MIN(distance), MAX(distance) FROM flight",
        ),
        (
            "How many flights does each airline operate? Show the name and the number.",
            "SELECT T1.airline_name, COUNT(*) FROM airline AS T1 JOIN flight AS T2 "
            "ON T1.airline_id = T2.airline_id GROUP BY T1.airline_id",
        ),
        (
            "How many flights arrive in Athens?",
            "SELECT COUNT(*) FROM flight AS T1 JOIN airport AS T2 ON T1.destination = T2.code "
            "WHERE T2.city = 'Athens'",
        ),
        (
            "Which cities have no arriving flights?",
            "SELECT city FROM airport WHERE code NOT IN (SELECT destination FROM flight)",
        ),
        (
            "What is the name of the airline with the most flights longer than 2000?",
            "SELECT T1.airline_name FROM airline AS T1 JOIN flight AS T2 "
            "ON T1.airline_id = T2.airline_id WHERE T2.distance > 2000 "
            "GROUP BY T1.airline_id ORDER BY COUNT(*) DESC LIMIT 1",
        ),
    ),
}
