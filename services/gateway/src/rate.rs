//! How fast each sender may send: a token bucket per sender.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use messaging::SenderName;
use tokio::time::Instant;

/// Senders are configured, so their number is bounded.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<SenderName, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            burst: f64::from(burst.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// Takes one token, or says when there is one.
    pub(crate) fn take(&self, sender: &SenderName) -> Result<(), Duration> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(sender) {
            buckets.insert(sender.clone(), Bucket { tokens: self.burst, at: now });
        }
        let Some(bucket) = buckets.get_mut(sender) else { return Ok(()) };
        let grown = now.duration_since(bucket.at).as_secs_f64() * self.per_second;
        bucket.tokens = (bucket.tokens + grown).min(self.burst);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / self.per_second));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sender_gets_its_burst_and_then_its_rate() {
        let rate = Rate::new(10, 3);
        let portal = SenderName::new("portal").unwrap();
        for _ in 0..3 {
            assert_eq!(rate.take(&portal), Ok(()));
        }
        let wait = rate.take(&portal).unwrap_err();
        assert!(wait <= Duration::from_millis(100) && Duration::ZERO < wait, "{wait:?}");
        tokio::time::advance(Duration::from_millis(101)).await;
        assert_eq!(rate.take(&portal), Ok(()));
        assert!(rate.take(&portal).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn one_senders_haste_is_not_anothers() {
        let rate = Rate::new(1, 1);
        assert!(rate.take(&SenderName::new("a").unwrap()).is_ok());
        assert!(rate.take(&SenderName::new("a").unwrap()).is_err());
        assert!(rate.take(&SenderName::new("b").unwrap()).is_ok());
    }
}
