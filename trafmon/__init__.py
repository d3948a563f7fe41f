"""The `trafmon` command: one file per subcommand, each thin, standing on everything else."""
