//! Uploads as clients write them, and as nobody should.

use std::{fs, sync::atomic::AtomicUsize};

use super::*;

/// A file of an example.
const LINES: &str = "{\"custom_id\":\"a\"}\r\n--not the end--\r\n";

fn part(head: &str, text: &str) -> String {
    format!("--edge\r\ncontent-disposition: form-data; {head}\r\n\r\n{text}\r\n")
}

fn file(text: &str) -> String {
    part("name=\"file\"; filename=\"lines.jsonl\"", text)
}

fn purpose_of(text: &str) -> String {
    part("name=\"purpose\"", text)
}

fn lasts(seconds: &str) -> String {
    part("name=\"expires_after[seconds]\"", seconds)
}

/// The same bytes in pieces of this length.
fn request(body: impl Into<Vec<u8>>, length: usize) -> Request {
    let body: Vec<u8> = body.into();
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        body.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let request = axum::http::Request::builder().header(CONTENT_TYPE, "multipart/form-data; boundary=edge");
    request.body(Body::from_stream(stream::iter(pieces))).unwrap()
}

struct Kept {
    _folder: tempfile::TempDir,
    files: GatewayFiles,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { files: GatewayFiles::open(&folder.path().join("files"), 0).unwrap(), _folder: folder }
    }

    async fn takes(&self, request: Request) -> Result<GatewayFile, HttpFailure> {
        receive(&self.files, None, request).await
    }
}

#[tokio::test]
async fn a_file_is_kept_as_it_was_whatever_the_order_of_parts_and_pieces() {
    let kept = Kept::new();
    for parts in [[purpose_of("batch"), file(LINES)], [file(LINES), purpose_of("batch")]] {
        for length in [1, 2, 7, 64, 4_096] {
            let body = format!("a preamble\r\n{}--edge--\r\nan epilogue", parts.concat());
            let file = kept.takes(request(body, length)).await.unwrap();
            assert_eq!((file.filename.as_str(), file.bytes), ("lines.jsonl", LINES.len() as u64));
            assert_eq!(fs::read_to_string(kept.files.path(file.id)).unwrap(), LINES, "{length}");
        }
    }
    let empty = [purpose_of("batch"), file(""), "--edge--".to_owned()].concat();
    assert_eq!(kept.takes(request(empty, 9)).await.unwrap().bytes, 0);
    let expires = part("name=\"expires_after[anchor]\"", "created_at");
    let short = [purpose_of("batch"), expires, lasts("3600"), file(LINES), "--edge--".to_owned()].concat();
    let short = kept.takes(request(short, 100)).await.unwrap();
    assert_eq!(short.expires.unwrap().as_second(), short.created.as_second() + 3_600);
}

#[tokio::test]
async fn what_is_no_upload_is_refused_and_nothing_of_it_is_kept() {
    let kept = Kept::new();
    let end = "--edge--\r\n".to_owned();
    let (batch, lines) = (purpose_of("batch"), file(LINES));
    let expires = part("name=\"expires_after[anchor]\"", "created_at");
    let many = vec![part("name=\"purpose\"", "batch"); 2].concat();
    let refused = [
        ("purpose", [&lines, &end].map(String::as_str).concat()),
        ("file", [&batch, &end].map(String::as_str).concat()),
        ("purpose", [&many, &lines, &end].map(String::as_str).concat()),
        ("file", [&batch, &lines, &lines, &end].map(String::as_str).concat()),
        ("purpose", [purpose_of("fine-tune"), lines.clone(), end.clone()].concat()),
        ("expires_after", [batch.clone(), expires.clone(), lines.clone(), end.clone()].concat()),
        (
            "expires_after.seconds",
            [batch.clone(), expires.clone(), lasts("soon"), lines.clone(), end.clone()].concat(),
        ),
        ("expires_after.seconds", [batch.clone(), expires, lasts("60"), lines.clone(), end.clone()].concat()),
        ("expires_after[seconds]", [lasts("3600"), lasts("3600"), end.clone()].concat()),
        ("magic", [batch.clone(), part("name=\"magic\"", "1"), end.clone()].concat()),
    ];
    for (param, body) in refused {
        let failure = kept.takes(request(body.clone(), 100)).await.unwrap_err();
        assert_eq!(failure.document()["error"]["param"], param, "{body}");
    }
    let torn = [
        String::new(),
        "--edge".to_owned(),
        [batch.clone(), lines.clone()].concat(),
        [batch.clone(), "--edge\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nhalf".to_owned()]
            .concat(),
        [batch.clone(), "--edge\r\nno header at all\r\n\r\nx\r\n".to_owned(), end.clone()].concat(),
        [batch.clone(), "--edge\r\n\r\nnameless\r\n".to_owned(), end.clone()].concat(),
        part("name=\"purpose\"", &"x".repeat(100_000)) + &end,
        vec![part("name=\"purpose\"", ""); 1_000].concat() + &end,
    ];
    for body in torn {
        let failure = kept.takes(request(body.clone(), 100)).await.unwrap_err();
        assert!(failure.status().is_client_error(), "{failure:?}: {:.200}", body);
    }
    for kind in ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="] {
        let mut wrong = request([batch.clone(), lines.clone(), end.clone()].concat(), 100);
        wrong.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
        assert!(kept.takes(wrong).await.is_err(), "{kind}");
    }
    assert!(kept.files.all(None).is_empty());
}

#[tokio::test]
async fn a_form_without_an_end_is_refused_before_it_fills_the_memory() {
    let kept = Kept::new();
    // Neither a boundary nor the end of a head ever comes.
    for begin in ["", "--edge\r\ncontent-disposition: form-data; name=\"file\"; x=\""] {
        let given = Arc::new(AtomicUsize::new(0));
        let counted = given.clone();
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from(begin.to_owned()))]);
        let endless = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from(vec![b'x'; 16 * 1024]))
        });
        let request = axum::http::Request::builder()
            .header(CONTENT_TYPE, "multipart/form-data; boundary=edge")
            .body(Body::from_stream(begun.chain(endless)))
            .unwrap();
        assert!(kept.takes(request).await.unwrap_err().status().is_client_error());
        assert!(given.load(Ordering::Relaxed) < 100, "{} pieces were held", given.load(Ordering::Relaxed));
    }
}
