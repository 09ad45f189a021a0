"""QLoRA training with TRL, PEFT and bitsandbytes."""
