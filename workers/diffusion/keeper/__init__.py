"""A process that keeps a model's weights, and forks the ones that paint, so that a picture can be stopped at any time.

stable-diffusion.cpp cannot end a picture early, and some inputs end its process. Here only a process that paints is
lost: it shares the weights with the keeper, page by page, and the next one is there within milliseconds.

That needs Linux, and weights in main memory: what a process holds of a GPU cannot be forked.
"""
