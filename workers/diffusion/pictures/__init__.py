"""Input pictures and masks: from untrusted bytes to pictures of the size that a job wants."""
