"""One box, four models: ``python -m scripts.one_box``. Users of several models whose memory holds only some of them.

``questions`` ask one thing and check the answer, ``users`` send them one after the other, ``overseer`` watches memory
and loads meanwhile, ``report`` says what happened. ``scripts.chaos.swaps`` harms such a server.
"""
