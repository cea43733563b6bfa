//! A store of objects in memory whose operations take time and go wrong when a test says so.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Chance, host};

/// How long an operation takes at most.
const LONGEST_MS: u64 = 1_000;

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has not happened.
    FailBefore,
    /// It has happened, and an error is the answer.
    FailAfter,
    /// The writer dies before it.
    CrashBefore,
    /// It has happened, and the writer dies before the answer comes.
    LoseAnswer,
    /// It happens twice; the answer is the second one's.
    Duplicate,
    /// An error is the answer, and minutes later it happens all the same.
    Delay,
    /// Half of what is read comes. Other operations fail before.
    Truncate,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::FailBefore,
        Self::FailAfter,
        Self::CrashBefore,
        Self::LoseAnswer,
        Self::Duplicate,
        Self::Delay,
        Self::Truncate,
    ];
}

/// Which operations go wrong.
#[derive(Clone, Debug, Default)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// The one of this number, counted from 1.
    At(u64, Fault),
    /// So many of a thousand, drawn by chance.
    PerMille(u64),
}

/// What a program that is made badly does at its store: to see that the tests notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Defect {
    /// None.
    #[default]
    None,
    /// What was put is deleted when the database could not be written.
    CleansUp,
    /// Data files that were read are deleted before what replaces them is committed.
    DeletesFirst,
}

/// A writer's view of the store that all writers share.
#[derive(Clone)]
pub struct FaultStore {
    shared: Arc<Shared>,
    /// Whose operations these are; `None` for a reader of the test, whose always succeed at once.
    writer: Option<Writer>,
}

#[derive(Clone)]
struct Writer {
    number: usize,
    defect: Defect,
    /// Told when the writer dies.
    death: Arc<Notify>,
    /// Data files that it read, and objects that it put since the database was last written.
    touched: Arc<Mutex<Touched>>,
}

#[derive(Default)]
struct Touched {
    read: BTreeSet<Path>,
    put: Vec<Path>,
}

struct Shared {
    objects: InMemory,
    began: Instant,
    state: Mutex<State>,
    /// Told when the database has changed.
    changed: Mutex<Option<OnChange>>,
}

type OnChange = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

struct State {
    seed: u64,
    chance: Chance,
    /// How often writers asked for an operation on an object.
    asked: HashMap<(usize, String, Path), u64>,
    /// When operations come about.
    due: BTreeSet<Instant>,
    faults: Faults,
    operations: u64,
    injected: u64,
    /// When objects were written, by the store's clock.
    written_ms: HashMap<Path, i64>,
    /// What happened, for comparison of one history with another.
    log: Vec<String>,
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultStore")
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultStore")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failure(what: &str) -> Error {
    Error::Generic { store: "FaultStore", source: format!("injected: {what}").into() }
}

fn is_database(path: &Path) -> bool {
    path.filename() == Some("earthcatalog.db")
}

fn is_data(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.starts_with("part_"))
}

impl FaultStore {
    /// A store that holds these objects since the history began, as the test itself sees it.
    #[must_use]
    pub fn new(objects: InMemory, began: Instant, seed: u64, faults: Faults) -> Self {
        let state = State {
            seed,
            chance: Chance::new(seed),
            asked: HashMap::new(),
            due: BTreeSet::new(),
            faults,
            operations: 0,
            injected: 0,
            written_ms: HashMap::new(),
            log: Vec::new(),
        };
        let shared = Shared { objects, began, state: Mutex::new(state), changed: Mutex::new(None) };
        Self { shared: Arc::new(shared), writer: None }
    }

    /// The store as a writer sees it, and what is told when the writer dies.
    #[must_use]
    pub fn writer(&self, number: usize, defect: Defect) -> (Self, Arc<Notify>) {
        let death = Arc::new(Notify::new());
        let writer = Writer { number, defect, death: Arc::clone(&death), touched: Arc::default() };
        (Self { shared: Arc::clone(&self.shared), writer: Some(writer) }, death)
    }

    /// Calls this after each change of the database, before the writer gets its answer.
    pub fn on_change(&self, call: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        *lock(&self.shared.changed) = Some(Arc::new(call));
    }

    /// Calls nobody any more. Who is called usually holds the store, and both would stay in memory for ever.
    pub fn ignore_changes(&self) {
        *lock(&self.shared.changed) = None;
    }

    /// How many operations the writers have made.
    #[must_use]
    pub fn operations(&self) -> u64 {
        lock(&self.shared.state).operations
    }

    /// How many of them went wrong.
    #[must_use]
    pub fn injected(&self) -> u64 {
        lock(&self.shared.state).injected
    }

    /// What happened, one operation a line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.state).log.clone()
    }

    /// What time it is by the store's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        host::now_ms(self.shared.began)
    }

    /// Waits as long as an operation takes; what goes wrong with it.
    async fn turn(&self, operation: &str, path: &Path) -> Option<Fault> {
        let writer = self.writer.as_ref()?;
        let due = self.due(writer.number, operation, path);
        tokio::time::sleep_until(due).await;
        let mut state = lock(&self.shared.state);
        let State { chance, faults, operations, injected, log, .. } = &mut *state;
        *operations += 1;
        let fault = match faults {
            Faults::At(number, fault) if number == operations => Some(*fault),
            Faults::PerMille(share) if chance.below(1_000) < *share => {
                let kinds = Fault::ALL;
                kinds.get(usize::try_from(chance.below(kinds.len() as u64)).unwrap_or_default()).copied()
            }
            _ => None,
        };
        *injected += u64::from(fault.is_some());
        log.push(format!("{} {operation} {path} {fault:?}", writer.number));
        fault
    }

    /// When an operation comes about that begins now: no two at once.
    ///
    /// The pause follows from the seed, the writer and the object, and not from what else begins at the same moment: a
    /// writer reads several objects at once, and which of its threads is the first to ask is not the history's to tell.
    fn due(&self, writer: usize, operation: &str, path: &Path) -> Instant {
        let mut state = lock(&self.shared.state);
        let asked = state.asked.entry((writer, operation.to_owned(), path.clone())).or_default();
        *asked += 1;
        let asked = *asked;
        let mut hasher = DefaultHasher::new();
        (state.seed, writer, operation, path.as_ref(), asked).hash(&mut hasher);
        let mut due = Instant::now() + Duration::from_millis(1 + hasher.finish() % LONGEST_MS);
        while !state.due.insert(due) {
            due += Duration::from_millis(1);
        }
        due
    }

    /// Does an operation, or what goes wrong with it. `act` is called once for each time it happens.
    async fn perform<T: Send + 'static>(
        &self,
        operation: &str,
        path: &Path,
        act: impl Fn(Self) -> BoxFuture<'static, Result<T>> + Send + Sync + 'static,
    ) -> Result<T> {
        match self.turn(operation, path).await {
            None => act(self.clone()).await,
            Some(Fault::FailBefore | Fault::Truncate) => Err(failure("failed before")),
            Some(Fault::FailAfter) => {
                drop(act(self.clone()).await);
                Err(failure("failed after"))
            }
            Some(Fault::CrashBefore) => self.die().await,
            Some(Fault::LoseAnswer) => {
                drop(act(self.clone()).await);
                self.die().await
            }
            Some(Fault::Duplicate) => {
                drop(act(self.clone()).await);
                act(self.clone()).await
            }
            Some(Fault::Delay) => {
                let late_ms = 1_000 + lock(&self.shared.state).chance.below(120_000);
                let this = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(late_ms)).await;
                    drop(act(this).await);
                });
                Err(failure("timed out"))
            }
        }
    }

    /// The writer is dead: it never gets an answer.
    async fn die<T>(&self) -> Result<T> {
        if let Some(writer) = &self.writer {
            writer.death.notify_one();
        }
        std::future::pending().await
    }

    async fn put_now(self, path: Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if is_data(&path) {
            self.delete_first().await;
        }
        let put = self.shared.objects.put_opts(&path, payload, options).await;
        if put.is_ok() {
            lock(&self.shared.state).written_ms.insert(path.clone(), self.now_ms());
        }
        if let Some(writer) = self.writer.as_ref().filter(|_| put.is_ok() && !is_database(&path)) {
            lock(&writer.touched).put.push(path.clone());
        }
        if put.is_ok() && is_database(&path) {
            let changed = lock(&self.shared.changed).clone();
            if let Some(changed) = changed {
                changed().await;
            }
        }
        put
    }

    /// What [`Defect::DeletesFirst`] does.
    async fn delete_first(&self) {
        let Some(writer) = self.writer.as_ref().filter(|writer| writer.defect == Defect::DeletesFirst) else { return };
        let read = std::mem::take(&mut lock(&writer.touched).read);
        for path in read {
            drop(self.shared.objects.delete(&path).await);
        }
    }

    /// What [`Defect::CleansUp`] does.
    async fn clean_up(&self) {
        let Some(writer) = self.writer.as_ref().filter(|writer| writer.defect == Defect::CleansUp) else { return };
        let put = std::mem::take(&mut lock(&writer.touched).put);
        for path in put {
            drop(self.shared.objects.delete(&path).await);
        }
    }

    fn timed(&self, meta: &mut ObjectMeta) {
        // What is there from the start was written when the history began.
        let written = lock(&self.shared.state).written_ms.get(&meta.location).copied();
        let ms = written.unwrap_or(host::START_MS);
        meta.last_modified = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    }

    async fn get_now(self, path: Path, options: GetOptions) -> Result<GetResult> {
        let mut result = self.shared.objects.get_opts(&path, options).await?;
        if let Some(writer) = self.writer.as_ref().filter(|_| is_data(&path)) {
            lock(&writer.touched).read.insert(path);
        }
        self.timed(&mut result.meta);
        Ok(result)
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let operation = match options.mode {
            PutMode::Overwrite => "put",
            PutMode::Create => "create",
            PutMode::Update(_) => "update",
        };
        let to = path.clone();
        let act = move |this: Self| this.put_now(to.clone(), payload.clone(), options.clone()).boxed();
        let put = self.perform(operation, path, act).await;
        match (&self.writer, &put) {
            (_, Err(_)) if is_database(path) => self.clean_up().await,
            (Some(writer), Ok(_)) if is_database(path) => lock(&writer.touched).put.clear(),
            _ => {}
        }
        put
    }

    async fn put_multipart_opts(&self, path: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let upload = Upload { store: self.clone(), path: path.clone(), parts: Arc::default() };
        let begin = move |_: Self| std::future::ready(Ok(())).boxed();
        self.perform("begin upload", path, begin).await?;
        Ok(Box::new(upload))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let from = path.clone();
        let act = move |this: Self| this.get_now(from.clone(), options.clone()).boxed();
        self.perform_read(path, act).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |path: Path| {
            let this = this.clone();
            async move {
                let from = path.clone();
                let act = move |this: Self| {
                    let path = from.clone();
                    async move { this.shared.objects.delete(&path).await }.boxed()
                };
                this.perform("delete", &path, act).await.map(|()| path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listing = async move {
            let from = prefix.clone();
            let act = move |this: Self| {
                let prefix = from.clone();
                async move {
                    let mut all: Vec<ObjectMeta> = this.shared.objects.list(prefix.as_ref()).try_collect().await?;
                    for meta in &mut all {
                        this.timed(meta);
                    }
                    Ok(all)
                }
                .boxed()
            };
            this.perform("list", &prefix.unwrap_or_default(), act).await
        };
        let listed = stream::once(listing).map_ok(|all| stream::iter(all.into_iter().map(Ok)));
        listed.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.shared.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.shared.objects.copy_opts(from, to, options).await
    }
}

impl FaultStore {
    /// A read, which can come short.
    async fn perform_read(
        &self,
        path: &Path,
        act: impl Fn(Self) -> BoxFuture<'static, Result<GetResult>> + Send + Sync + 'static,
    ) -> Result<GetResult> {
        let fault = self.turn("get", path).await;
        let read = match fault {
            None | Some(Fault::Truncate | Fault::Duplicate) => act(self.clone()).await?,
            Some(Fault::CrashBefore | Fault::LoseAnswer) => return self.die().await,
            Some(Fault::FailBefore | Fault::FailAfter | Fault::Delay) => return Err(failure("read failed")),
        };
        if fault != Some(Fault::Truncate) {
            return Ok(read);
        }
        let (meta, range, attributes) = (read.meta.clone(), read.range.clone(), read.attributes.clone());
        let extensions = read.extensions.clone();
        let whole = read.bytes().await?;
        let half = whole.slice(..whole.len() / 2);
        let payload = GetResultPayload::Stream(stream::once(async { Ok(half) }).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }
}

/// An upload in parts: each part is an operation, and so is its end.
struct Upload {
    store: FaultStore,
    path: Path,
    parts: Arc<Mutex<BTreeMap<usize, PutPayload>>>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let number = lock(&self.parts).len();
        lock(&self.parts).insert(number, part);
        let (store, path) = (self.store.clone(), self.path.clone());
        async move { store.perform("put part", &path, |_: FaultStore| std::future::ready(Ok(())).boxed()).await }
            .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let bytes: Vec<u8> =
            lock(&self.parts).values().flat_map(|part| bytes::Bytes::from(part.clone()).to_vec()).collect();
        let path = self.path.clone();
        let act = move |store: FaultStore| {
            store.put_now(path.clone(), PutPayload::from(bytes.clone()), PutOptions::default()).boxed()
        };
        self.store.perform("end upload", &self.path, act).await
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}
