"""What kind of memory a cell is: measures of any cell, by nothing but its contract."""
