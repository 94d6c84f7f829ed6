//! Files inside the program: the pages of the codes, the examples of the built-in standards.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
