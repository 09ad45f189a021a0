"""Using a version: predictor by alias, live databases, the agent.

Importing these modules imports neither torch nor mlflow; loading a model does.

```python
predictor = Predictor.from_alias("champion", config)                       # predictor.py
predictor.predict([Question("How many shops are there?", "CREATE TABLE shop (id INTEGER)")])
base = predictor.base()                      # the same loaded base, without the adapter

with open_database("shop.sqlite") as database:                              # live_database.py
    database.schema().context
    database.run("SELECT COUNT(*) FROM shop")
    answer = Agent(predictor, database).ask("How many shops are there?")   # agent.py
    answer.sql; answer.result.rows; answer.steps
```
"""
