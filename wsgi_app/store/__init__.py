"""SQL, and no rules: SQLAlchemy Core on SQLite. Functions take an open connection and return plain values."""
