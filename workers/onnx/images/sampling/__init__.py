"""From noise to latents: random numbers, noise levels, which of them the steps go through, and how."""
