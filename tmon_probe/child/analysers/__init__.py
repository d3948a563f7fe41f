"""One file per analysis; `load` finds them by their declarations."""
