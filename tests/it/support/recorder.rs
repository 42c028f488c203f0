//! An upstream that records every byte it gets and answers as it is told, and a
//! client that sends bytes as they are.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::wire::{self, Message};

/// What an upstream does when a request is there.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends this.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// Closes the connection.
    Close,
    /// Never does anything again.
    Hang,
    /// Sends back what comes, until nothing more does.
    Echo,
}

type Script = dyn Fn(&Message) -> Vec<Act> + Send + Sync;

/// An upstream that keeps what it gets, connection by connection.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    open: Arc<AtomicUsize>,
}

/// The usual answer.
pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Recorder {
    /// Answers every request with this, on connections that stay open.
    pub(crate) async fn saying(answer: &[u8]) -> Self {
        let answer = answer.to_vec();
        Self::acting(move |_| vec![Act::Send(answer.clone())]).await
    }

    /// Does this with every request.
    pub(crate) async fn acting(
        script: impl Fn(&Message) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let recorder = Self { address, heard: Arc::default(), open: Arc::default() };
        let (me, script): (_, Arc<Script>) = (recorder.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(me.clone().serve(stream, Arc::clone(&script)));
            }
        });
        recorder
    }

    async fn serve(self, mut stream: TcpStream, script: Arc<Script>) {
        let index = {
            let mut heard = self.heard.lock().expect("no panic");
            heard.push(Vec::new());
            heard.len() - 1
        };
        self.open.fetch_add(1, Ordering::SeqCst);
        let (mut unread, mut seen) = (Vec::new(), 0);
        'open: while let Ok(1..) = stream.read_buf(&mut unread).await {
            let new = unread.split_off(seen);
            self.heard.lock().expect("no panic")[index].extend_from_slice(&new);
            unread.extend(new);
            while let Some((request, length)) = wire::first(&unread) {
                unread.drain(..length);
                if !act(&mut stream, script(&request)).await {
                    break 'open;
                }
            }
            seen = unread.len();
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// Everything that came, connection by connection.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().expect("no panic").clone()
    }

    /// The requests that came, read strictly; fails if anything else came.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<Message> {
        let read = |bytes: &Vec<u8>| match wire::all(bytes) {
            Ok(requests) => requests,
            Err(why) => panic!("{why}: {}", bytes.escape_ascii()),
        };
        self.heard().iter().flat_map(read).collect()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.heard.lock().expect("no panic").len()
    }

    /// Waits until no more than this many connections are open.
    pub(crate) async fn open_at_most(&self, most: usize) -> bool {
        soon(|| self.open.load(Ordering::SeqCst) <= most).await
    }

    /// Forgets what came so far.
    pub(crate) fn forget(&self) {
        for heard in self.heard.lock().expect("no panic").iter_mut() {
            heard.clear();
        }
    }
}

/// Whether the connection goes on.
async fn act(stream: &mut TcpStream, acts: Vec<Act>) -> bool {
    for act in acts {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::Close => return false,
            Act::Hang => {
                // Until the other side goes.
                let mut rest = [0; 4096];
                while let Ok(1..) = stream.read(&mut rest).await {}
                return false;
            }
            Act::Echo => {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                return false;
            }
        }
    }
    true
}

/// Waits until this is so, two seconds at most.
pub(crate) async fn soon(is_so: impl Fn() -> bool) -> bool {
    for _ in 0..400 {
        if is_so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    is_so()
}

/// A client that sends bytes as they are.
pub(crate) struct RawClient {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
    bodiless: bool,
}

impl RawClient {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("a connection"))
    }

    /// Over a connection that is there.
    pub(crate) const fn over(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new(), bodiless: false }
    }

    /// Sends; a server that has closed already is not told.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// The next answer, or `None` when the connection ended before one.
    pub(crate) async fn answer(&mut self) -> Option<Message> {
        self.answer_within(Duration::from_secs(5)).await
    }

    /// The next answer; that to HEAD has no body.
    pub(crate) async fn answer_to(&mut self, method: &str) -> Option<Message> {
        self.bodiless = method == "HEAD";
        let answer = self.answer().await;
        self.bodiless = false;
        answer
    }

    /// The next answer; fails if there is neither one nor an end in time.
    pub(crate) async fn answer_within(&mut self, time: Duration) -> Option<Message> {
        let mut ended = false;
        let found = timeout(time, async {
            loop {
                if let Some((answer, length)) =
                    wire::first_answer(&self.unread, ended, self.bodiless)
                {
                    self.unread.drain(..length);
                    return Some(answer);
                }
                if ended {
                    return None;
                }
                ended = self.stream.read_buf(&mut self.unread).await.unwrap_or(0) == 0;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => {
                panic!("no answer in time, only {:?}", self.unread.escape_ascii().to_string())
            }
        }
    }

    /// Everything until nothing comes for this long.
    pub(crate) async fn until_silent(&mut self, silence: Duration) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        while let Ok(Ok(1..)) = timeout(silence, self.stream.read_buf(&mut all)).await {}
        all
    }

    /// Everything until the connection ends.
    pub(crate) async fn rest(&mut self, time: Duration) -> Option<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.unread);
        // A reset ends it, too.
        timeout(time, self.stream.read_to_end(&mut rest))
            .await
            .ok()
            .map(|_| rest)
    }
}
