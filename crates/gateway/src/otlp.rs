//! Telling a collector of OpenTelemetry what `/metrics` says, and which answers were delivered: OTLP over HTTP, in JSON.
//!
//! **Invariant:** nothing waits for a collector. One that is away, slow or full is told again later, less and less often; of
//! answers at most [`spans::SPANS_MAX`] wait for it, the others are counted. Figures are cumulative: what one message lacks the
//! next has.

mod document;
mod exposition;
pub(crate) mod spans;
#[cfg(test)]
mod tests;

use std::{sync::Arc, thread, time::Duration};

use assay_peer::clock::wall;
use tokio::{sync::oneshot, time::sleep};
use ureq::Agent;

use self::document::Telling;
use crate::{Gateway, metrics};

/// Between two messages to a collector that takes them.
const TELL_STEP: Duration = Duration::from_secs(15);
/// The longest wait for one that does not.
const AGAIN_MAX: Duration = Duration::from_secs(300);
/// How long a collector has for one message.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// What this program is called.
const USER_AGENT: &str = concat!("assay/", env!("CARGO_PKG_VERSION"));

/// Where a collector is.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    agent: Agent,
    base: String,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It was taken.
    Taken,
    /// It may be taken later: after this, if it says so.
    Later(Option<Duration>),
    /// It is not taken, now or later.
    Refused(u16),
}

impl Collector {
    /// The one at an address such as `http://127.0.0.1:4318`; nothing, if that is none of the web.
    pub(crate) fn at(address: &str) -> Option<Self> {
        let base = address.trim_end_matches('/');
        let rest = ["http://", "https://"].iter().find_map(|scheme| base.strip_prefix(*scheme))?;
        let authority = rest.split('/').next()?.parse::<axum::http::uri::Authority>().ok()?;
        // Whoever has a password for a collector puts something in front of it that knows it.
        if authority.as_str().contains('@') {
            return None;
        }
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&authority.host());
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .timeout_global(Some(ANSWER_WAIT));
        let config = if is_here { config.proxy(None) } else { config };
        Some(Self { agent: config.build().new_agent(), base: base.to_owned() })
    }

    /// Sends a message about one kind of thing. Blocks.
    fn send(&self, path: &str, body: &str) -> Sent {
        let request = self.agent.post(format!("{}{path}", self.base));
        let Ok(response) = request.header("content-type", "application/json").send(body) else {
            return Sent::Later(None);
        };
        let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
        match response.status().as_u16() {
            200..300 => Sent::Taken,
            // Those that the protocol says are to be sent again.
            429 | 502 | 503 | 504 => Sent::Later(after.map(Duration::from_secs)),
            status => Sent::Refused(status),
        }
    }

    /// Sends both messages, in a thread that holds up nothing when the process ends.
    async fn tell(&self, telling: Telling) -> (Sent, Sent) {
        let (done, all) = oneshot::channel();
        let collector = self.clone();
        let work = move || {
            let figures = collector.send("/v1/metrics", &telling.figures);
            let answers = telling.answers.map_or(Sent::Taken, |body| collector.send("/v1/traces", &body));
            // An error means that the gateway ends.
            let _ = done.send((figures, answers));
        };
        let is_begun = thread::Builder::new().name("otlp".into()).spawn(work).is_ok();
        let later = (Sent::Later(None), Sent::Later(None));
        if is_begun { all.await.unwrap_or(later) } else { later }
    }
}

/// Tells a collector how things are, for as long as it is polled.
pub(crate) async fn tell(gateway: &Arc<Gateway>, collector: &Collector, instance: String) {
    tell_each(TELL_STEP, gateway, collector, instance).await;
}

async fn tell_each(step: Duration, gateway: &Arc<Gateway>, collector: &Collector, instance: String) {
    let (mut wait, mut trouble) = (step, None);
    loop {
        sleep(wait).await;
        let figures = metrics::told(&gateway.metrics, &gateway.link).await;
        let spans = gateway.metrics.spans.take();
        let telling = Telling::of(&figures, &spans, (gateway.metrics.started, wall()), &instance);
        let sent = collector.tell(telling).await;
        match sent.1 {
            Sent::Taken => {}
            Sent::Later(_) => gateway.metrics.spans.give_back(spans),
            Sent::Refused(_) => drop(gateway.metrics.spans.dropped.inc_by(spans.len() as u64)),
        }
        let now = trouble_of(sent);
        if std::mem::replace(&mut trouble, now) != now {
            say(now);
        }
        wait = pause(sent, (wait, step), gateway.metrics.spans.fill_one());
    }
}

/// What keeps a collector from taking what it is told, if anything does.
fn trouble_of(sent: (Sent, Sent)) -> Option<Sent> {
    match sent {
        (Sent::Taken, Sent::Taken) => None,
        (Sent::Later(_), _) | (_, Sent::Later(_)) => Some(Sent::Later(None)),
        (Sent::Refused(status), _) | (_, Sent::Refused(status)) => Some(Sent::Refused(status)),
    }
}

/// Said once: it will not be otherwise in a quarter of a minute.
fn say(trouble: Option<Sent>) {
    match trouble {
        None | Some(Sent::Taken) => tracing::info!("the collector of gateway.otlp takes what it is told"),
        Some(Sent::Later(_)) => {
            tracing::warn!("the collector of gateway.otlp is away or busy, and is told again later");
        }
        Some(Sent::Refused(status)) => {
            tracing::warn!(status, "the collector of gateway.otlp does not take what it is told");
        }
    }
}

/// How long is waited before the next message, after one for which so long was waited.
fn pause(sent: (Sent, Sent), (wait, step): (Duration, Duration), fill_one: bool) -> Duration {
    match sent {
        (Sent::Later(after), _) | (_, Sent::Later(after)) => again(wait.max(step), after),
        (Sent::Refused(_), _) | (_, Sent::Refused(_)) => again(wait.max(step), None),
        // Of a collector that takes what it is told none waits for longer than it must.
        (Sent::Taken, Sent::Taken) if fill_one => Duration::ZERO,
        (Sent::Taken, Sent::Taken) => step,
    }
}

/// How long is waited after a wait in vain.
fn again(wait: Duration, after: Option<Duration>) -> Duration {
    (wait * 2).max(after.unwrap_or_default()).min(AGAIN_MAX)
}
