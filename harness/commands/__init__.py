"""The subcommands of `recurbench`, one file each."""
