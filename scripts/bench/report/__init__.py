"""Tables, targets and the chart of a run."""
