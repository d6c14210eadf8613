"""What happened in a run: the tree, the history, the tables. No torch."""
