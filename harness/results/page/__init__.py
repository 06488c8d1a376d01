"""The leaderboard as a page: one file of HTML that needs nothing else, and a server for it."""

from recurbench.harness.results.page.render import as_html

__all__ = ["as_html"]
