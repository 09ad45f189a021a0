"""One thin Prefect task per library call.

Tasks pass JSON-sized values: paths, URIs, hashes and run ids, never models or datasets.
"""
