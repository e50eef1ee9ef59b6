//! Whatever bytes come: what is too much or out of place ends the connection it came on, and hurts nobody else.

use std::cell::Cell;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

use super::{
    super::frame::{Frame, FrameKind, Hello, queue_after},
    *,
};

/// One end of a connection that a test writes frames to by hand.
struct Rude {
    stream: UnixStream,
    attending: JoinHandle<Result<(), FrameError>>,
}

impl Rude {
    async fn greet(rig: &Rig) -> Self {
        let (mut stream, attending) = rig.connect();
        Hello::ours().write(&mut stream).await.unwrap();
        assert_eq!(Hello::read(&mut stream).await.unwrap().assay, HANDLE_VERSION);
        Self { stream, attending }
    }

    async fn say(&mut self, kind: FrameKind, number: u32, body: &str) {
        let frame = Frame::new(kind, number, body.as_bytes().to_vec());
        frame.write(&mut self.stream).await.unwrap();
    }

    async fn ask<C: Call>(&mut self, number: u32, call: C) {
        let (ask, _) = Ask::pack(call).unwrap();
        self.say(FrameKind::Ask, number, &String::from_utf8(ask).unwrap()).await;
    }

    async fn hear(&mut self) -> (FrameKind, u32, String) {
        let frame = in_time(Frame::read(&mut self.stream)).await.unwrap();
        (frame.kind, frame.number, String::from_utf8(frame.body).unwrap())
    }

    /// Demands that the next thing that is heard of this call is a refusal.
    async fn refused(&mut self, number: u32) -> Refused {
        let (kind, heard, body) = self.hear().await;
        assert_eq!((kind, heard), (FrameKind::Refused, number), "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Demands that the daemon ends the connection.
    async fn ended(mut self) -> FrameError {
        let ended = in_time(self.attending).await.unwrap().unwrap_err();
        in_time(self.stream.read_to_end(&mut Vec::new())).await.unwrap();
        ended
    }
}

fn raw(length: u32, kind: u8, number: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], &[kind], &number.to_be_bytes(), body].concat()
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_their_connection() {
    let rig = Rig::new();
    let polite = rig.socket().await;
    let mut counting = in_time(polite.call(Count)).await.unwrap();
    let ask = FrameKind::Ask as u8;
    let longest = u32::try_from(FRAME_BYTES_MAX).unwrap();
    let cases = [
        (raw(longest + 1, ask, 1, &[]), "65537 bytes, where at most 65536 are allowed"),
        (raw(u32::MAX, ask, 1, &[]), "4294967295 bytes, where at most 65536 are allowed"),
        (raw(0, 0, 1, &[]), "a frame that does not belong here: of the kind 0"),
        (raw(0, 99, 1, &[]), "a frame that does not belong here: of the kind 99"),
        (raw(1, ask | 0x80, 1, b"{"), "a frame that does not belong here: a question is in one frame"),
        (
            raw(0, FrameKind::Answer as u8, 1, &[]),
            "a frame that does not belong here: only a daemon says that",
        ),
        (vec![b'G'; 64 * 1024], "a frame that does not belong here: of the kind 71"),
    ];
    for (bytes, expected) in cases {
        let mut rude = Rude::greet(&rig).await;
        rude.ask(7, Sleep).await;
        // A daemon that has hung up already takes no more.
        drop(rude.stream.write_all(&bytes).await);
        let ended = in_time(rude.attending).await.unwrap().unwrap_err();
        assert_eq!(ended.to_string(), expected);
        rig.working_for(1).await;
    }
    assert_eq!(in_time(counting.next()).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn half_a_frame_ends_like_none() {
    let rig = Rig::new();
    let whole = raw(5, FrameKind::Ask as u8, 9, b"12345");
    for cut in 0..whole.len() {
        let mut rude = Rude::greet(&rig).await;
        rude.ask(1, Sleep).await;
        rig.working_for(1).await;
        rude.stream.write_all(&whole[..cut]).await.unwrap();
        rude.stream.shutdown().await.unwrap();
        assert!(matches!(rude.ended().await, FrameError::Ended), "{cut} bytes");
        rig.working_for(0).await;
    }
}

#[tokio::test]
async fn frames_out_of_place_end_their_connection() {
    let rig = Rig::new();
    let mut twice = Rude::greet(&rig).await;
    twice.ask(1, Sleep).await;
    twice.ask(1, Sleep).await;
    assert!(twice.ended().await.to_string().contains("under way"));

    let mut greedy = Rude::greet(&rig).await;
    greedy.ask(1, Sleep).await;
    greedy.say(FrameKind::Next, 1, "").await;
    greedy.say(FrameKind::Next, 1, "").await;
    assert!(greedy.ended().await.to_string().contains("waits for nothing"));
    rig.working_for(0).await;

    let mut late = Rude::greet(&rig).await;
    for kind in [FrameKind::Next, FrameKind::Part, FrameKind::Cancel] {
        late.say(kind, 5, "").await;
    }
    late.ask(5, Spell { letters: 1 }).await;
    assert_eq!(late.hear().await, (FrameKind::Answer, 5, "\"x\"".to_owned()), "it crossed the end of a call");
}

#[tokio::test]
async fn what_is_no_question_is_refused() {
    let rig = Rig::new();
    let mut rude = Rude::greet(&rig).await;
    let cases = [
        "",
        "7",
        "{\"no\":\"call\"}",
        "{\"call\":\"nothing\",\"with\":null,\"attached\":[]}",
        "{\"call\":\"spell\",\"with\":{\"letters\":\"x\"},\"attached\":[]}",
        "{\"call\":\"spell\",\"with\":{\"letters\":1},\"attached\":[0]}",
        "{\"call\":\"echo\",\"with\":{\"first\":0,\"second\":null},\"attached\":[]}",
        "{\"call\":\"echo\",\"with\":{\"first\":0,\"second\":null},\"attached\":[-1]}",
    ];
    for (number, body) in (0..).zip(cases) {
        rude.say(FrameKind::Ask, number, body).await;
        assert!(matches!(rude.refused(number).await, Refused::Unreadable { .. }), "{body}");
    }
    rude.ask(99, Spell { letters: 1 }).await;
    assert_eq!(rude.hear().await, (FrameKind::Answer, 99, "\"x\"".to_owned()));
}

#[tokio::test]
async fn attachments_are_refused_before_they_are_sent_or_while_they_are() {
    let rig = Rig::new();
    let mut rude = Rude::greet(&rig).await;
    let ask = |attached: &str| {
        let with = "{\"first\":0,\"second\":0}";
        format!("{{\"call\":\"echo\",\"with\":{with},\"attached\":{attached}}}")
    };
    let max = INPUT_BYTES_MAX as u64;
    for (attached, bytes) in [
        (format!("[1,{max}]"), max + 1),
        (format!("[{},{}]", u64::MAX, u64::MAX), u64::MAX),
        (format!("[{}]", u32::MAX), u64::from(u32::MAX)),
    ] {
        rude.say(FrameKind::Ask, 1, &ask(&attached)).await;
        assert_eq!(rude.refused(1).await, Refused::InputTooLong { bytes, max });
    }
    for piece in ["", "123"] {
        rude.say(FrameKind::Ask, 2, &ask("[2,1]")).await;
        assert_eq!(rude.hear().await, (FrameKind::Next, 2, String::new()));
        rude.say(FrameKind::Part, 2, piece).await;
        assert!(matches!(rude.refused(2).await, Refused::Unreadable { .. }), "{piece}");
    }
    rude.say(FrameKind::Ask, 3, &ask("[2,1]")).await;
    assert_eq!(rude.hear().await, (FrameKind::Next, 3, String::new()));
    rude.say(FrameKind::Next, 3, "").await;
    assert!(matches!(rude.refused(3).await, Refused::Unreadable { .. }));
    rig.working_for(0).await;
}

#[tokio::test]
async fn more_calls_than_there_are_places_are_refused_until_one_is_cancelled() {
    let rig = Rig::new();
    let mut rude = Rude::greet(&rig).await;
    let max = u32::try_from(CALLS_MAX).unwrap();
    for number in 0..max {
        rude.ask(number, Sleep).await;
    }
    rude.ask(max, Sleep).await;
    assert_eq!(rude.refused(max).await, Refused::TooManyCalls { max: CALLS_MAX });
    rude.say(FrameKind::Cancel, 0, "").await;
    rude.ask(max, Spell { letters: 1 }).await;
    assert_eq!(rude.hear().await, (FrameKind::Answer, max, "\"x\"".to_owned()));
    rig.working_for(CALLS_MAX - 1).await;
    drop(rude.stream);
    rig.working_for(0).await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_keeps_its_place() {
    let rig = Rig::new();
    let mut rude = Rude::greet(&rig).await;
    let last = u32::try_from(CALLS_MAX).unwrap() - 1;
    for number in 0..last {
        rude.ask(number, Sleep).await;
    }
    // More than the queue and the system keep for whoever does not read.
    rude.ask(last, Spell { letters: 64 * FRAME_BYTES_MAX }).await;
    in_time(rig.begun.subscribe().wait_for(|begun| *begun == CALLS_MAX)).await.unwrap();
    rude.ask(last + 1, Sleep).await;
    let mut refused = Vec::new();
    loop {
        let frame = in_time(Frame::read(&mut rude.stream)).await.unwrap();
        if frame.number > last {
            refused.push(frame.kind);
        } else if !frame.more {
            break;
        }
    }
    assert_eq!(refused, [FrameKind::Refused]);
    rude.ask(last, Spell { letters: 1 }).await;
    assert_eq!(rude.hear().await, (FrameKind::Answer, last, "\"x\"".to_owned()));
}

#[tokio::test]
async fn a_place_is_given_up_once_there_is_room_for_the_last_frame() {
    let (queue, mut queued) = mpsc::channel(1);
    let given_up = Cell::new(false);
    let body = vec![7; FRAME_BYTES_MAX + 1];
    let mut last = Box::pin(queue_after(&queue, FrameKind::Answer, 1, body, || given_up.set(true)));
    for more in [true, false] {
        let is_queued = futures::poll!(&mut last).is_ready();
        assert_eq!((is_queued, given_up.get()), (!more, !more));
        let frame = queued.try_recv().unwrap();
        assert_eq!((frame.more, frame.body.len()), (more, if more { FRAME_BYTES_MAX } else { 1 }));
    }
}

#[tokio::test]
async fn a_daemon_that_talks_nonsense_is_told_apart_from_one_that_refuses() {
    let beyond = u32::try_from(FRAME_BYTES_MAX).unwrap() + 1;
    let cases = [
        (raw(0, 99, 1, &[]), "the daemon went away: a frame that does not belong here: of the kind 99"),
        (raw(beyond, 5, 1, &[]), "the daemon went away: 65537 bytes, where at most 65536 are allowed"),
        (raw(3, 5, 1, b"abc"), "the daemon went away: a frame that does not belong here: expected value"),
        (raw(0, 2, 1, &[]), "the daemon went away: a frame that does not belong here: it is of another kind"),
        (raw(9, 5, 1, b"\"x"), "the daemon went away: the connection ended"),
        (Vec::new(), "the daemon went away: the connection ended"),
        (raw(8, 8, 1, b"\"ending\""), "the daemon is shutting down"),
    ];
    for (bytes, expected) in cases {
        let (near, mut far) = UnixStream::pair().unwrap();
        Hello::ours().write(&mut far).await.unwrap();
        let (from, to) = near.into_split();
        let socket = Socket::greet(from, to).await.unwrap();
        let call = left_open(&socket, Spell { letters: 1 });
        Hello::read(&mut far).await.unwrap();
        assert_eq!(in_time(Frame::read(&mut far)).await.unwrap().number, 1);
        far.write_all(&bytes).await.unwrap();
        far.shutdown().await.unwrap();
        let error = in_time(call).await.unwrap().unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
