"""Attacks on a running server beside honest load, ``python -m scripts.attack NAME...``.

``registry`` is where attacks register, ``groups`` holds them, one module per group. ``target`` is what an attack gets,
``honest`` is the load of well-behaved clients, ``running`` runs one attack in a process, ``watch`` follows the server's
processes, ``report`` prints.
"""
