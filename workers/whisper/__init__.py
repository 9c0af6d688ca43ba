"""The speech engine: the pieces of all waiting recordings go through one Whisper model in shared batches."""
