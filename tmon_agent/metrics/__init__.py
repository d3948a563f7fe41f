"""What can be asked of a program as metrics of Prometheus, by HTTP."""
