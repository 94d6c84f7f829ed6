//! Waits for conditions instead of for time.

use std::{fmt::Debug, future::Future, time::Duration};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `condition` gives something.
///
/// # Panics
/// When it does not within `bound`: `what` says what was waited for.
pub async fn until<T, F>(what: &str, bound: Duration, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let waiting = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    match tokio::time::timeout(bound, waiting).await {
        Ok(found) => found,
        Err(_) => panic!("waited {bound:?} in vain for {what}"),
    }
}

/// As [`until`], and tells what was seen last.
///
/// # Panics
/// As [`until`].
pub async fn until_equal<T, F>(
    what: &str,
    bound: Duration,
    expected: T,
    mut look: impl FnMut() -> F,
) where
    T: PartialEq + Debug,
    F: Future<Output = T>,
{
    let mut last = None;
    let waiting = async {
        loop {
            let seen = look().await;
            if seen == expected {
                return;
            }
            last = Some(seen);
            tokio::time::sleep(INTERVAL).await;
        }
    };
    if tokio::time::timeout(bound, waiting).await.is_err() {
        panic!("waited {bound:?} in vain for {what}: last {last:?}, expected {expected:?}");
    }
}
