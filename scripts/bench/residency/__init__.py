"""How policies of residency compare, in simulated time."""
