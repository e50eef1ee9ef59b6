//! A server that says over HTTP whatever a test has it say, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Bytes of the answer that were written behind its headers.
    pub(crate) sent: u64,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Where the bytes are wanted from.
    pub(crate) fn begins_at(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap())
    }
}

/// What it says.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) ends: Ends,
}

/// How its bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With the length that was said before.
    WithAll,
    /// After so many, though more were said.
    After(usize),
    /// After so many nothing comes any more, and the connection stays.
    Hanging(usize),
    /// Never: the bytes come again and again, and no length is said.
    Never,
}

impl Reply {
    pub(crate) fn with(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), ends: Ends::WithAll }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn ending(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }
}

/// What makes a reply.
type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The server. It goes with the process.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_over(answers, |stream| Box::new(stream))
    }

    /// The same over whatever stands on top of a connection.
    pub(crate) fn start_over(
        answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
        over: impl Fn(TcpStream) -> Box<dyn Carrier> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (asked, answers): (Arc<Mutex<Vec<Asked>>>, Answers) = (Arc::default(), Arc::new(answers));
        let notes = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (carrier, answers, notes) = (over(stream.unwrap()), answers.clone(), notes.clone());
                thread::spawn(move || serve(carrier, &answers, &notes));
            }
        });
        Self { at, asked }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.at)
    }

    /// What it was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// What bytes go over.
pub(crate) trait Carrier: Read + Write + Send {}

impl<T: Read + Write + Send> Carrier for T {}

/// Answers one request. Whoever asks may go away in the middle.
fn serve(carrier: Box<dyn Carrier>, answers: &Answers, notes: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(carrier);
    let Some(asked) = request(&mut reader) else { return };
    let reply = answers(&asked);
    let place = {
        let mut notes = notes.lock().unwrap();
        notes.push(asked);
        notes.len() - 1
    };
    let mut carrier = reader.into_inner();
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", reply.status);
    if reply.ends != Ends::Never {
        head += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    reply.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    if carrier.write_all(format!("{head}\r\n").as_bytes()).is_err() {
        return;
    }
    let end = match reply.ends {
        Ends::WithAll | Ends::Never => reply.body.len(),
        Ends::After(bytes) | Ends::Hanging(bytes) => bytes.min(reply.body.len()),
    };
    loop {
        for chunk in reply.body[..end].chunks(16 * 1024) {
            if carrier.write_all(chunk).is_err() {
                return;
            }
            notes.lock().unwrap()[place].sent += chunk.len() as u64;
        }
        match reply.ends {
            Ends::Never => {}
            Ends::Hanging(_) => return drop(carrier.read(&mut [0])),
            Ends::WithAll | Ends::After(_) => return drop(carrier.flush()),
        }
    }
}

fn request(reader: &mut BufReader<Box<dyn Carrier>>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(Asked { path, headers, sent: 0 })
}
