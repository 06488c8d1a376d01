"""The time and memory that cells take, against each other and against torch's layers."""
