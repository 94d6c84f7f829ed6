//! The threads that check documents, and the bounded queue before them.

use std::{
    cell::OnceCell,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use crate::{
    Document, Limits, LoadError, Options, Severity, StandardInfo, Verdict, Violation, codes,
    desk::Desk, load::registry::Registry,
};

/// Bytes of a worker's stack: schemas are compiled on it.
const STACK_BYTES: usize = 8 << 20;

/// The installed standards and the worker threads that apply them. A handle: clones share both, and
/// the last one to go joins the threads.
#[derive(Clone)]
pub struct Standards(Arc<Engine>);

impl fmt::Debug for Standards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standards")
            .field("standards", &self.0.shared.registry.standards.len())
            .field("workers", &self.0.workers.len())
            .finish_non_exhaustive()
    }
}

/// The queue before the workers is full; later there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Busy {
    /// `AB-4901`.
    #[must_use]
    pub fn code(self) -> &'static str {
        codes::BUSY
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many documents wait to be checked")
    }
}

impl std::error::Error for Busy {}

struct Engine {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    registry: Registry,
    limits: Limits,
    queue: Mutex<Queue>,
    /// Something came, or the end.
    filled: Condvar,
    /// Something went.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

struct Job {
    document: Document,
    answer: Box<dyn FnOnce(Verdict) + Send>,
}

impl Standards {
    /// Loads the built-in standards and those below `options.paths`, and starts the workers.
    ///
    /// # Errors
    /// Every fault of every standard, with file, line and key.
    ///
    /// # Panics
    /// When the system has no thread left.
    pub fn load(options: Options) -> Result<Self, LoadError> {
        let registry = Registry::load(&options)?;
        let shared = Arc::new(Shared {
            registry,
            limits: options.limits,
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let workers = (0..options.workers.max(1)).map(|number| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("standards-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared))
                .expect("the system has a thread left at start")
        });
        let workers = workers.collect();
        Ok(Self(Arc::new(Engine { shared, workers })))
    }

    /// What is installed, ordered by id and version.
    #[must_use]
    pub fn list(&self) -> Vec<StandardInfo> {
        self.0.shared.registry.list()
    }

    /// Queues `document`; `answer` gets the verdict, on a worker thread, exactly once. It must not
    /// wait for anything: it holds up the worker.
    ///
    /// # Errors
    /// When the queue is full; `answer` is dropped then.
    pub fn check(
        &self,
        document: Document,
        answer: impl FnOnce(Verdict) + Send + 'static,
    ) -> Result<(), Busy> {
        let shared = &self.0.shared;
        let mut queue = shared.lock();
        if queue.jobs.len() >= shared.limits.queue_max {
            return Err(Busy);
        }
        queue.jobs.push_back(Job { document, answer: Box::new(answer) });
        drop(queue);
        shared.filled.notify_one();
        Ok(())
    }

    /// Checks `document` and waits for the verdict, also for room in the queue. For start-up, tests
    /// and command line: it blocks its thread.
    ///
    /// # Panics
    /// Never: a worker always answers.
    #[must_use]
    pub fn check_blocking(&self, document: Document) -> Verdict {
        let shared = &self.0.shared;
        let (answer, verdict) = mpsc::sync_channel(1);
        let answer = Box::new(move |verdict| drop(answer.send(verdict)));
        let mut queue = shared.lock();
        while queue.jobs.len() >= shared.limits.queue_max {
            queue = shared.emptied.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.jobs.push_back(Job { document, answer });
        drop(queue);
        shared.filled.notify_one();
        verdict.recv().expect("a worker answers every document")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.filled.notify_all();
        let here = thread::current().id();
        for worker in self.workers.drain(..) {
            // The last handle can go within an answer, on a worker, which cannot join itself.
            if worker.thread().id() != here {
                drop(worker.join());
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock; were it otherwise, the queue is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` at the end, once all are done.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                self.emptied.notify_one();
                return Some(job);
            }
            if queue.is_closed {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A worker's life: one desk after the other, a new one after a panic or when it is worn.
fn work(shared: &Shared) {
    while serve(shared) {}
}

/// Serves until the desk must be laid anew (`true`) or no more comes (`false`).
fn serve(shared: &Shared) -> bool {
    let count = shared.registry.standards.len();
    // Validators borrow their schemas, so the schemas are made first and go last.
    let schemas: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let validators: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let json: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let desk = Desk {
        registry: &shared.registry,
        limits: &shared.limits,
        schemas: &schemas,
        validators: &validators,
        json: &json,
    };
    while let Some(Job { document, answer }) = shared.next() {
        let checked = catch_unwind(AssertUnwindSafe(|| desk.check(&document)));
        let has_panicked = checked.is_err();
        let verdict = checked.unwrap_or_else(|_| defect());
        // The answer is the caller's code: its panic must not take the worker with it either.
        drop(catch_unwind(AssertUnwindSafe(|| answer(verdict))));
        if has_panicked || desk.is_worn() {
            return true;
        }
    }
    false
}

fn defect() -> Verdict {
    tracing::error!(code = codes::DEFECT, "checking a document failed by a fault of ours");
    let violation = Violation {
        code: codes::DEFECT,
        xoev_code: None,
        severity: Severity::Error,
        path: String::new(),
        line: 0,
        column: 0,
        german: "Bei der Prüfung ist ein Fehler in Amtsbote selbst aufgetreten.".to_owned(),
        english: "A fault in Amtsbote itself occurred during the check.".to_owned(),
        rule: None,
    };
    Verdict { violations: vec![violation], violations_total: 1, ..Verdict::default() }
}
