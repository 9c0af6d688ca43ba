"""The benchmarks.

``python -m scripts.bench`` compares this server with others: ``plan`` chooses servers and workloads, ``rounds`` runs
them, ``servers`` starts what is compared, ``workloads`` holds what is asked, ``measurements`` turns what clients saw
into figures, ``report`` into tables and a chart, ``machine`` describes the machine.

Others measure one thing, as ``python -m scripts.bench.NAME``: ``router_alone`` the router with an engine that takes
no time, ``fairness`` one user beside another's 200 requests, ``speech`` the speed of transcription, ``codec`` the codec
of the wire, ``sampling`` what drawing a token costs, ``repacking`` what repacked weights gain.

``speed_page`` puts what was measured into docs/speed.md. A new benchmark calls its ``measured.write_table(name, table,
note, command)`` and has a part in that page between ``<!-- measured: NAME -->`` and ``<!-- end -->``. The first row of
a table is its heading; date, processor and cores come by themselves.
"""
