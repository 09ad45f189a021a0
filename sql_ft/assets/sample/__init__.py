"""The bundled sample: a generator of questions, contexts and answers over invented schemas.

Needs no file and no package outside the standard library. Nothing in it comes
from a public dataset: schemas, values and wordings were written for this project.
"""
