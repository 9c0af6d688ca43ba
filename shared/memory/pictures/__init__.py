"""What painting takes of the memory."""
