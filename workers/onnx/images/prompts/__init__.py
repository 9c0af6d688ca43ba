"""From prompts to the states of text encoders: weights of words, tokens in chunks, encoders."""
