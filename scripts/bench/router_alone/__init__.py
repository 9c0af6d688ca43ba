"""The router measured alone, with echo workers."""
