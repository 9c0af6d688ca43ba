"""What pictures in chats cost: those who see them, those who wait beside them, and those who have none."""
