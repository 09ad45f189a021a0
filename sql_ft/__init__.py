"""Text-to-SQL fine-tuning with a verdict you can believe and a promotion you can trust."""
