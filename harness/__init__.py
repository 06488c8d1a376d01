"""Everything between a configuration and a leaderboard."""
