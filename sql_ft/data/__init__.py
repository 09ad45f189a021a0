"""Sources, chat format, schema-grouped split and fingerprints of a dataset."""
