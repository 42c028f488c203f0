//! The configuration file: as it is written, and what it means.
