"""The tables, as SQLAlchemy sees them, by what they hold; `migrations.py` says how a database gets them."""
