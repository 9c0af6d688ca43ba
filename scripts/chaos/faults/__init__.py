"""What harms the server: ``injection`` chooses; ``processes``, ``disk`` and ``requests`` have one kind of harm each."""
