"""What a model takes of the memory of each device: estimated before its first load, and measured afterwards."""
