"""Three small databases and thirty questions with golds: something to ask at once.

`write_examples(folder)` makes ``shop.sqlite`` (rollback journal), ``library.sqlite`` (WAL
mode), ``flights.duckdb`` and ``questions.jsonl``. The same bytes of data every time; none
of the questions was chosen by what a model makes of it.
"""
