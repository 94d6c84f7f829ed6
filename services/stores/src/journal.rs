//! What the console reads: a projection of the channels, rebuilt from them as far as they reach.
