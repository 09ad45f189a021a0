"""The only importer of mlflow: runs, registry versions, aliases, the pyfunc model."""
