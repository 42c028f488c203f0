//! The pages that people see: where they sign in, and where they look after
//! their own account.
