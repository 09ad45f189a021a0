"""The web page: choose or upload a database, ask, watch the agent, edit the SQL, compare.

`page` and `server` are the only importers of gradio; everything else is plain functions
over a `Session`, tested without it.
"""
