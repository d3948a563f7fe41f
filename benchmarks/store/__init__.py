"""The database under load: made months of observations, how fast they load, what they take on disk, how fast questions are."""
