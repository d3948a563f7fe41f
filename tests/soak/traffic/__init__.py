"""Who sends what: a file for each sort of traffic, an actor that goes on until the run is over (`work`); `all_at_once` has all."""
