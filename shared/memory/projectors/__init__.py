"""What projectors take of the memory."""
