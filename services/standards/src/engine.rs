//! The threads that check documents, and the bounded queue before them.

mod busy;
mod reloaded;

use std::{
    cell::{Cell, OnceCell},
    collections::{BTreeSet, VecDeque},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;

pub use busy::Busy;
pub use reloaded::Reloaded;

use crate::{
    CodeListInfo, ComposeError, Composed, Composition, Document, Limits, LoadError, OnDefect,
    OneWay, Options, Prepared, Proofs, Severity, StandardInfo, Verdict, Violation, codes,
    desk::{Desk, Roots},
    load::registry::Registry,
    stages::Stages,
    write,
};

/// Bytes of a worker's stack: schemas are compiled on it.
const STACK_BYTES: usize = 8 << 20;

/// Bytes from which on a document is large: all workers but one may check such documents at once, so
/// that small ones never wait for large ones only.
const LARGE_BYTES: usize = 1 << 20;

/// The installed standards and the worker threads that apply them. A handle: clones share both, and
/// the last one to go joins the threads.
#[derive(Clone)]
pub struct Standards(Arc<Engine>);

impl fmt::Debug for Standards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standards")
            .field("standards", &self.0.shared.registry().standards.len())
            .field("workers", &self.0.workers.len())
            .finish_non_exhaustive()
    }
}

struct Engine {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// What is installed now; who serves holds on to what was installed when it began.
    registry: RwLock<Arc<Registry>>,
    /// Counts what was installed, so that workers see a change without the lock.
    generation: AtomicU64,
    limits: Limits,
    /// Where compiled tables are kept.
    tables: Option<PathBuf>,
    cross_check_ppm: u32,
    on_defect: Option<OnDefect>,
    /// Documents of more than [`LARGE_BYTES`] that are checked at once.
    large_max: usize,
    queue: Mutex<Queue>,
    /// Something came, or the end.
    filled: Condvar,
    /// Something went.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Large documents being checked.
    large: usize,
    is_closed: bool,
}

/// What is done at a desk; who wants to see what makes it panic stands by.
type Act = dyn FnOnce(&Desk<'_>, Option<&OnDefect>) -> Done + Send;

/// Something to do at a desk.
struct Job {
    /// Of what it is about.
    bytes: usize,
    act: Box<Act>,
}

/// A job that was done, and its answer that is still to be given.
struct Done {
    has_panicked: bool,
    answer: Box<dyn FnOnce()>,
}

impl Job {
    /// A job that gives `answer` what `act` makes of `bytes`, or `defect` if that panics.
    fn new<T: 'static>(
        bytes: Bytes,
        act: impl FnOnce(&Desk<'_>) -> T + Send + 'static,
        defect: fn() -> T,
        answer: impl FnOnce(T) + Send + 'static,
    ) -> Self {
        let length = bytes.len();
        let act = move |desk: &Desk<'_>, on_defect: Option<&OnDefect>| {
            let made = guarded(&bytes, on_defect, || act(desk));
            let has_panicked = made.is_none();
            let made = made.unwrap_or_else(defect);
            Done { has_panicked, answer: Box::new(move || answer(made)) }
        };
        Self { bytes: length, act: Box::new(act) }
    }

    fn check(document: Document, answer: impl FnOnce(Verdict) + Send + 'static) -> Self {
        let bytes = document.bytes.clone();
        let act = move |desk: &Desk<'_>| desk.check(&document);
        Self::new(bytes, act, defect, answer)
    }

    fn compose(
        order: Composition,
        answer: impl FnOnce(Result<Composed, ComposeError>) + Send + 'static,
    ) -> Self {
        let bytes = order.canonical.clone();
        let act = move |desk: &Desk<'_>| desk.compose(&order);
        Self::new(bytes, act, || Err(write::defect()), answer)
    }

    fn is_large(&self) -> bool {
        self.bytes > LARGE_BYTES
    }
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
        let workers = options.workers.max(1);
        let shared = Arc::new(Shared {
            registry: RwLock::new(Arc::new(registry)),
            generation: AtomicU64::new(0),
            limits: options.limits,
            tables: options.tables,
            cross_check_ppm: options.cross_check_ppm,
            on_defect: options.on_defect,
            large_max: workers.saturating_sub(1).max(1),
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let workers = (0..workers).map(|number| {
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
        self.0.shared.registry().list()
    }

    /// The installed code lists, ordered by URI and version.
    #[must_use]
    pub fn codelists(&self) -> Vec<CodeListInfo> {
        self.0.shared.registry().codelists.list()
    }

    /// Loads everything anew from the built-in standards and `paths`, and then, at once and for all
    /// workers, puts it in place of what was there. Documents being checked end as they began. It
    /// blocks its thread for as long as a start does.
    ///
    /// # Errors
    /// Every fault of every standard; then everything stays as it was.
    pub fn reload(&self, paths: &[PathBuf]) -> Result<Reloaded, LoadError> {
        let shared = &self.0.shared;
        let tables = shared.tables.clone();
        let options = Options { paths: paths.to_vec(), tables, ..Options::default() };
        let registry = Arc::new(Registry::load(&options)?);
        let names = |registry: &Registry| -> BTreeSet<String> {
            registry.standards.iter().map(|s| format!("{} {}", s.id, s.version)).collect()
        };
        let new = names(&registry);
        let old = {
            let mut place = shared.registry.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, registry)
        };
        // Under the lock, so that no worker looks before and waits after: idle ones let go of what
        // they hold, too.
        let queue = shared.lock();
        shared.generation.fetch_add(1, Ordering::Release);
        drop(queue);
        shared.filled.notify_all();
        let old = names(&old);
        Ok(Reloaded {
            standards: new.len(),
            added: new.difference(&old).cloned().collect(),
            removed: old.difference(&new).cloned().collect(),
        })
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
        self.0.shared.offer(Job::check(document, answer))
    }

    /// Queues the writing of a canonical message; `answer` gets the document, or everything that
    /// keeps it from being written, as with [`Self::check`].
    ///
    /// # Errors
    /// When the queue is full; `answer` is dropped then.
    pub fn compose(
        &self,
        order: Composition,
        answer: impl FnOnce(Result<Composed, ComposeError>) + Send + 'static,
    ) -> Result<(), Busy> {
        self.0.shared.offer(Job::compose(order, answer))
    }

    /// Writes a canonical message and waits for it, also for room in the queue: as with
    /// [`Self::check_blocking`].
    ///
    /// # Errors
    /// Everything that keeps it from being written.
    ///
    /// # Panics
    /// Never: a worker always answers.
    pub fn compose_blocking(&self, order: Composition) -> Result<Composed, ComposeError> {
        self.0.shared.wait(|answer| Job::compose(order, answer))
    }

    /// How many documents of each standard that is meant, by id and version, were proven valid without the
    /// validator, and why others were not, since they were loaded. Tables that are not there yet are made.
    #[must_use]
    pub fn proofs(&self, are_meant: impl Fn(&str, &str) -> bool) -> Vec<Proofs> {
        self.0.shared.registry().proofs(are_meant)
    }

    /// How loading came to the tables.
    #[must_use]
    pub fn prepared(&self) -> Prepared {
        self.0.shared.registry().prepared
    }

    /// The lines of mappings and dialects that cannot be reversed for every value: texts joined of
    /// several whose separator may stand within them. Such a value is refused when it is to be
    /// written, unless it is of one part.
    #[must_use]
    pub fn one_way(&self) -> Vec<OneWay> {
        write::one_way(&self.0.shared.registry().standards)
    }

    /// Checks `document` and waits for the verdict, also for room in the queue. For start-up, tests
    /// and command line: it blocks its thread.
    ///
    /// # Panics
    /// Never: a worker always answers.
    #[must_use]
    pub fn check_blocking(&self, document: Document) -> Verdict {
        self.0.shared.wait(|answer| Job::check(document, answer))
    }
}

impl Standards {
    /// Lays a desk on the caller's own thread for as long as `work` takes, which checks documents
    /// there one after the other without the queue. Schemas are compiled anew for it.
    pub fn at_a_desk<T>(&self, work: impl FnOnce(&Stages<'_>) -> T) -> T {
        let shared = &self.0.shared;
        at_a_desk(&shared.registry(), shared, |desk| work(&Stages { desk }))
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

    fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Queues `job`, if there is room.
    fn offer(&self, job: Job) -> Result<(), Busy> {
        let mut queue = self.lock();
        if queue.jobs.len() >= self.limits.queue_max {
            return Err(Busy);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// Queues the job that `make` makes for an answer, and waits for room and for the answer.
    fn wait<T: Send + 'static>(&self, make: impl FnOnce(Box<dyn FnOnce(T) + Send>) -> Job) -> T {
        let (answer, made) = mpsc::sync_channel(1);
        let job = make(Box::new(move |made| drop(answer.send(made))));
        let mut queue = self.lock();
        while queue.jobs.len() >= self.limits.queue_max {
            queue = self.emptied.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.filled.notify_one();
        made.recv().expect("a worker answers every job")
    }

    /// The next job for who works with `generation`.
    fn next(&self, generation: u64) -> Next {
        let mut queue = self.lock();
        loop {
            if self.generation.load(Ordering::Acquire) != generation {
                return Next::Changed;
            }
            let may_be_large = queue.large < self.large_max;
            let at = queue.jobs.iter().position(|job| may_be_large || !job.is_large());
            if let Some(job) = at.and_then(|at| queue.jobs.remove(at)) {
                queue.large += usize::from(job.is_large());
                drop(queue);
                self.emptied.notify_one();
                return Next::Job(job);
            }
            if queue.is_closed && queue.jobs.is_empty() {
                return Next::End;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A large document was checked: another may begin.
    fn end_large(&self) {
        self.lock().large -= 1;
        self.filled.notify_all();
    }
}

enum Next {
    Job(Job),
    /// Other standards are installed now.
    Changed,
    End,
}

/// A worker's life: one desk after the other, a new one after a panic, when it is worn, and when
/// other standards are installed.
fn work(shared: &Shared) {
    while serve(shared) {}
}

/// Serves until the desk must be laid anew (`true`) or no more comes (`false`).
fn serve(shared: &Shared) -> bool {
    // Read before the registry: a change in between lays the desk once more, and is never missed.
    let generation = shared.generation.load(Ordering::Acquire);
    let registry = shared.registry();
    at_a_desk(&registry, shared, |desk| {
        loop {
            let job = match shared.next(generation) {
                Next::Job(job) => job,
                Next::Changed => return true,
                Next::End => return false,
            };
            let is_large = job.is_large();
            let done = (job.act)(&desk, shared.on_defect.as_ref());
            if is_large {
                shared.end_large();
            }
            // The answer is the caller's code: its panic must not take the worker with it either.
            drop(catch_unwind(AssertUnwindSafe(done.answer)));
            if done.has_panicked || desk.is_worn() {
                return true;
            }
        }
    })
}

/// Lays a desk for `work`. Validators borrow their schemas, so the schemas are made first and go last.
fn at_a_desk<T>(registry: &Registry, shared: &Shared, work: impl FnOnce(Desk<'_>) -> T) -> T {
    let count = registry.standards.len();
    let schemas: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let validators: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let json: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let acceptors: Vec<_> = (0..count).map(|_| OnceCell::new()).collect();
    let roots = Roots::default();
    work(Desk {
        registry,
        limits: &shared.limits,
        schemas: &schemas,
        validators: &validators,
        json: &json,
        acceptors: &acceptors,
        roots: &roots,
        cross_check_ppm: shared.cross_check_ppm,
        due_ppm: Cell::new(0),
        on_defect: shared.on_defect.as_ref(),
    })
}

/// What `act` makes of `bytes`; `None` after a panic, and `on_defect` has got them.
fn guarded<T>(bytes: &[u8], on_defect: Option<&OnDefect>, act: impl FnOnce() -> T) -> Option<T> {
    let made = catch_unwind(AssertUnwindSafe(act)).ok();
    if let (None, Some(on_defect)) = (&made, on_defect) {
        on_defect.give(codes::DEFECT, bytes);
    }
    made
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

#[cfg(test)]
mod tests;
