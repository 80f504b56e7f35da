//! Concurrent equal calls share one result.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OnceCell;

/// The running calls of an instance, by the digest of their input.
pub struct SharedCalls<T> {
    running: Mutex<HashMap<String, Weak<OnceCell<T>>>>,
}

impl<T> Default for SharedCalls<T> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

impl<T: Clone> SharedCalls<T> {
    /// Runs `call`, or waits for the result of a running call with the same digest.
    ///
    /// If a running call is dropped, as at the deadline of its request, one that waits for it takes its place.
    pub async fn run(&self, digest: &str, call: impl Future<Output = T>) -> T {
        let result = self.running_call(digest);
        result.get_or_init(|| call).await.clone()
    }

    fn running_call(&self, digest: &str) -> Arc<OnceCell<T>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, call| call.strong_count() > 0);
        // A call that has ended is no longer concurrent: its result is for the cache to keep.
        let known = running.get(digest).and_then(Weak::upgrade).filter(|call| !call.initialized());
        known.unwrap_or_else(|| {
            let call = Arc::new(OnceCell::new());
            running.insert(digest.to_owned(), Arc::downgrade(&call));
            call
        })
    }
}
