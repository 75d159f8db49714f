//! Keys at rest and all that is done with them.
