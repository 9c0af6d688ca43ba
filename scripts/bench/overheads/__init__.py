"""What the server costs beside the model: its start, its engine's loop, its router, its memory."""
