"""The database's path: plain SQL migrations, and what must be in its tables before anything runs."""
