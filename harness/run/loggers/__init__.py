"""The built-in loggers, one file each.

Another one is a class that derives from `plugins.logger.Logger`: in a file of this folder, in a
folder named in `RECURBENCH_PLUGINS`, or behind an entry point of the group `recurbench.loggers`.
"""
