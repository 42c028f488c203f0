//! The README, held to what it says.
