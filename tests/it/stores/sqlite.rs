//! What a file can suffer.
