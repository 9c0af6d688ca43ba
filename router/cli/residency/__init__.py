"""The subcommands about what a running server has loaded."""
