"""What the project ships: the tiny base model and the bundled sample's generator."""
