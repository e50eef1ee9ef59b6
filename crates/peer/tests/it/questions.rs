//! Questions and answers.

use assay_peer::network::{ANSWER_BYTES_MAX, AskError, ExchangeFailure, NetworkEvent, Reply};
use assay_protocol::{codec::MESSAGE_BYTES_MAX, id::PeerId};

use crate::world::{Peer, id, pair, pair_of, plan};

async fn asked(peer: &mut Peer) -> (PeerId, u8, Vec<u8>, Reply) {
    peer.wait_for(|event| match event {
        NetworkEvent::Asked { from, kind, bytes, reply } => Some((from, kind, bytes, reply)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn an_answer_comes_back_to_the_one_who_asked() {
    let (mut first, second) = pair().await;
    let to = first.id;
    let longest = vec![7; ANSWER_BYTES_MAX];
    let answer = async {
        let (from, kind, bytes, reply) = asked(&mut first).await;
        assert_eq!((from, kind, bytes), (second.id, 3, b"which?".to_vec()));
        reply.answer(longest.clone());
    };
    let (answered, ()) = tokio::join!(second.network.ask(to, 3, b"which?".to_vec()), answer);
    assert!(answered == Ok(longest));
}

#[tokio::test]
async fn a_question_that_is_not_answered_or_answered_at_too_great_length_is_refused() {
    let (mut first, second) = pair().await;
    let to = first.id;
    let answer = async {
        drop(asked(&mut first).await);
        asked(&mut first).await.3.answer(vec![7; ANSWER_BYTES_MAX + 1]);
    };
    let ask = async {
        let dropped = second.network.ask(to, 0, Vec::new()).await;
        (dropped, second.network.ask(to, 0, Vec::new()).await)
    };
    let (refused, ()) = tokio::join!(ask, answer);
    assert_eq!(refused, (Err(AskError::Refused), Err(AskError::Refused)));
    let bytes = MESSAGE_BYTES_MAX + 1;
    assert_eq!(second.network.ask(to, 0, vec![0; bytes]).await, Err(AskError::TooLong { bytes }));
    assert_eq!(
        second.network.ask(id(9), 0, Vec::new()).await,
        Err(AskError::Failed(ExchangeFailure::Unreachable))
    );
}

#[tokio::test]
async fn more_questions_than_can_be_answered_at_a_time_are_told_so() {
    let one = plan(1).with(|settings| settings.limits.answers_max = 1);
    let (mut first, second) = pair_of(one, plan(2)).await;
    let to = first.id;
    let asking = tokio::spawn({
        let network = second.network.clone();
        async move { network.ask(to, 1, Vec::new()).await }
    });
    let (.., reply) = asked(&mut first).await;
    assert_eq!(second.network.ask(to, 2, Vec::new()).await, Err(AskError::Failed(ExchangeFailure::Busy)));
    reply.answer(b"at last".to_vec());
    assert_eq!(asking.await.unwrap().unwrap(), b"at last");
    let answer = async { asked(&mut first).await.3.answer(b"again".to_vec()) };
    let (answered, ()) = tokio::join!(second.network.ask(to, 3, Vec::new()), answer);
    assert_eq!(answered.unwrap(), b"again", "the slot was not free again");
}
