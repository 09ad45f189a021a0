"""The code that made `sql_ft/assets/tiny_base`, from an empty network to shards.

A wide grammar samples (schema, question, SQL) rows (`lexicon`, `naming`, `schemas`,
`query_tree`, `render`, `phrases`, `intents_*`); `public_rows` adds WikiSQL and one half
of Spider; `documents` wraps rows in the product's chat format; `tokenizer` and
`pretrain` make the model. Run with ``python -m sql_ft.assets.tiny_base_build``.
Importing this package imports neither torch nor transformers.
"""
