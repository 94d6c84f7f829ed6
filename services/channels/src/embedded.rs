//! A message channel in one SQLite file.
