"""The subcommands of `recurbench`, one file each; another file is another subcommand.

Each file has `HELP`, one line; `add_arguments(parser)`; and `call(options)`, which gives the exit
code. Importing it loads neither torch nor Hydra, so that help is there at once.
"""
