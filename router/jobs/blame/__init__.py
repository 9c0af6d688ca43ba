"""Which jobs may have killed their workers."""
