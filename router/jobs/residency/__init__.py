"""Which models are loaded where: a plan of memory, made from what waits, what runs and what is known of each model."""
