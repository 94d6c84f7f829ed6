//! The claim check: bodies kept beside their records, fsynced, by random id.
