"""Records and what is made of them; imports no torch, so that reading starts at once."""
