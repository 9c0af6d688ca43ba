"""From an uploaded file to chunks that the model can take."""
