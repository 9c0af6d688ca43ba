"""The benchmarks.

``python -m scripts.bench`` compares this server with others: ``plan`` chooses servers and workloads, ``rounds`` runs
them, ``servers`` starts what is compared, ``workloads`` holds what is asked, ``measurements`` turns what clients saw
into figures, ``report`` into tables and a chart, ``machine`` describes the machine.

``python -m scripts.bench.router_alone`` measures the router with an engine that takes no time,
``python -m scripts.bench.fairness`` one user beside another's 200 requests, ``python -m scripts.bench.speech`` the speed
of transcription, and ``python -m scripts.bench.codec`` the codec of the wire.
"""
