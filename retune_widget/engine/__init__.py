"""The training loop and what it trains: steps, hyperparameters, data, snapshots. Torch and numpy only."""
