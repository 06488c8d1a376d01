"""What subcommands do once torch is there; loaded when one runs, not for its help."""
