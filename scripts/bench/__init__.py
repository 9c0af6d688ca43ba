"""The benchmarks.

``python -m scripts.bench`` compares this server with others: ``plan`` chooses servers and workloads, ``rounds`` runs
them, ``servers`` starts what is compared, ``workloads`` holds what is asked, ``measurements`` turns what clients saw
into figures, ``report`` into tables and a chart, ``machine`` describes the machine.

Others measure one thing, as ``python -m scripts.bench.NAME``: ``router_alone`` the router with an engine that takes
no time, ``fairness`` one user beside another's 200 requests, ``speech`` the speed of transcription, ``codec`` the codec
of the wire.
"""
