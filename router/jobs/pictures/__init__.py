"""Pictures as jobs: how far they are."""
