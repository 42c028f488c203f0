//! Runs, tried on a directory in memory.
