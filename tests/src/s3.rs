//! A server that speaks S3, in this process, over a folder: it checks keys and signatures, and goes
//! away and comes back when it is told to.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{
    S3Result,
    access::{S3Access, S3AccessContext},
    auth::SimpleAuth,
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, net::TcpSocket, task::JoinSet};

use crate::configuration::Configuration;

/// The name of the key the server knows.
pub const KEY_ID: &str = "AKAMTSBOTE";
/// The key.
pub const KEY: &str = "ein-schluessel-nur-fuer-pruefungen";
/// The bucket there is.
pub const BUCKET: &str = "claims";

/// One server with one bucket.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    folder: PathBuf,
    service: S3Service,
    rights: Rights,
    /// `None` while it is away.
    serving: Option<JoinSet<()>>,
}

#[derive(Clone, Debug)]
struct Rights {
    /// Of the buckets: the server itself would make a bucket for whoever writes into one.
    folder: PathBuf,
    may_only_read: Arc<AtomicBool>,
    takes_no_notes: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl S3Access for Rights {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let may = !self.may_only_read.load(Ordering::SeqCst)
            || matches!(request.s3_op().name(), "GetObject" | "HeadObject" | "ListObjectsV2");
        let is_note = request.s3_op().name() == "PutObject"
            && request.s3_path().get_object_key().is_some_and(|key| key.ends_with(".upload"));
        let is_refused = is_note && self.takes_no_notes.load(Ordering::SeqCst);
        if request.credentials().is_none() || !may || is_refused {
            return Err(s3_error!(AccessDenied));
        }
        match request.s3_path().get_bucket_name() {
            Some(bucket) if self.folder.join(bucket).is_dir() => Ok(()),
            _ => Err(s3_error!(NoSuchBucket)),
        }
    }
}

impl Server {
    /// Starts one on a free port, with an empty bucket in `folder`.
    pub async fn start(folder: &Path) -> Self {
        fs::create_dir_all(folder.join(BUCKET)).expect("a folder of ours");
        let rights = Rights {
            folder: folder.to_owned(),
            may_only_read: Arc::default(),
            takes_no_notes: Arc::default(),
        };
        let files = FileSystem::new(folder).expect("a folder of ours");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY_ID, KEY));
        service.set_access(rights.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let service = service.build();
        let serving = Some(serve(listener, service.clone()));
        Self { address, folder: folder.to_owned(), service, rights, serving }
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks off what it is doing; connections are refused from now on.
    pub fn go_away(&mut self) {
        self.serving = None;
    }

    /// Comes back where it was.
    pub async fn come_back(&mut self) {
        let listener = crate::wait::until("the port", std::time::Duration::from_secs(10), || {
            let address = self.address;
            async move {
                let socket = TcpSocket::new_v4().ok()?;
                socket.set_reuseaddr(true).ok()?;
                socket.bind(address).ok()?;
                socket.listen(128).ok()
            }
        });
        self.serving = Some(serve(listener.await, self.service.clone()));
    }

    /// Whether the key may no more than look.
    pub fn let_only_read(&self, is_so: bool) {
        self.rights.may_only_read.store(is_so, Ordering::SeqCst);
    }

    /// Whether what is noted of uploads (`.upload`) is refused.
    pub fn take_no_notes(&self, is_so: bool) {
        self.rights.takes_no_notes.store(is_so, Ordering::SeqCst);
    }

    /// Uploads in parts that neither ended nor were ended.
    #[must_use]
    pub fn uploads(&self) -> usize {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload-")).count()
    }

    /// The objects there are, by name, without what the server notes for itself.
    #[must_use]
    pub fn objects(&self) -> Vec<String> {
        let root = self.folder.join(BUCKET);
        let mut names = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(name) = path.strip_prefix(&root) {
                    names.push(name.display().to_string());
                }
            }
        }
        names.sort();
        names
    }

    /// The line of a configuration that keeps claims here, with the key in files beside it.
    #[must_use]
    pub fn configured(&self, configuration: Configuration, key: &str) -> Configuration {
        let folder = configuration.folder();
        fs::write(folder.join("s3-id"), KEY_ID).expect("a folder of ours");
        fs::write(folder.join("s3-key"), key).expect("a folder of ours");
        let endpoint = self.endpoint();
        configuration.with_head(&format!(
            "claims = \"s3://{BUCKET}/county?endpoint={endpoint}\
             &access_key_id_file=s3-id&secret_access_key_file=s3-key\""
        ))
    }
}

fn serve(listener: TcpListener, service: S3Service) -> JoinSet<()> {
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        // Dropped with their listener.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((socket, _)) = accepted else { continue };
                    let service = service.clone();
                    connections.spawn(async move {
                        let io = TokioIo::new(socket);
                        // A client that goes is none of our business.
                        drop(http1::Builder::new().serve_connection(io, service).await);
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    accepting
}
