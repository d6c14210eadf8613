"""What a run looks like in a notebook: the only place that knows Jupyter."""
