//! The chat templates of models that were asked something, looked at once each.
//!
//! **Invariant:** whoever needs a template waits for it, or is told why there is none; whoever does not waits a moment at most,
//! and once for each model.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use assay_peer::handle::ShowTemplate;
use assay_protocol::id::Digest;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::time::{Instant, timeout};

use crate::{failure::HttpFailure, link::DaemonLink, template_traits::TemplateTraits};

/// Models whose templates are remembered.
const MODELS_MAX: usize = 256;
/// How long a template is waited for that is not needed.
const UNNEEDED_WAIT: Duration = Duration::from_secs(3);
/// How long one that could not be had is not looked for again by whoever does not need it.
const AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Templates by the digests of manifests.
#[derive(Debug, Default)]
pub(crate) struct TemplateCache(Mutex<BTreeMap<Digest, TemplateLook>>);

/// One that is looked for, or was found.
#[derive(Clone, Debug)]
struct TemplateLook {
    found: Shared<BoxFuture<'static, Result<Arc<TemplateTraits>, HttpFailure>>>,
    began: Instant,
}

impl TemplateCache {
    /// What a model's template shows.
    pub(crate) async fn needed(
        &self,
        link: &DaemonLink,
        manifest: Digest,
    ) -> Result<Arc<TemplateTraits>, HttpFailure> {
        self.look(link, manifest, true).found.await
    }

    /// The same where it is known soon.
    pub(crate) async fn soon(&self, link: &DaemonLink, manifest: Digest) -> Arc<TemplateTraits> {
        let look = self.look(link, manifest, false);
        let found = timeout(UNNEEDED_WAIT, look.found).await.ok().and_then(Result::ok);
        found.unwrap_or_else(|| Arc::new(TemplateTraits::UNREAD))
    }

    fn look(&self, link: &DaemonLink, manifest: Digest, is_needed: bool) -> TemplateLook {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = |known: &&TemplateLook| match known.found.peek() {
            Some(Err(_)) => !is_needed && known.began.elapsed() < AGAIN_AFTER,
            Some(Ok(_)) | None => true,
        };
        if let Some(known) = all.get(&manifest).filter(goes_on) {
            return known.clone();
        }
        let link = link.clone();
        let found = async move {
            let shown = link.call(ShowTemplate { name: manifest.to_string() }).await?;
            Ok::<_, HttpFailure>(Arc::new(TemplateTraits::of(shown.template)))
        };
        let look = TemplateLook { found: found.boxed().shared(), began: Instant::now() };
        // It is looked for whoever still waits.
        tokio::spawn(look.found.clone());
        if all.len() >= MODELS_MAX {
            all.clear();
        }
        all.insert(manifest, look.clone());
        look
    }
}

#[cfg(test)]
mod tests {
    use assay_peer::config::Home;

    use super::*;

    #[tokio::test]
    async fn a_template_that_cannot_be_had_is_missed_by_whoever_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let (link, cache) = (DaemonLink(Home::at(folder.path())), TemplateCache::default());
        let model = Digest([1; 32]);
        assert_eq!(*cache.soon(&link, model).await, TemplateTraits::UNREAD);
        let failed = cache.needed(&link, model).await.unwrap_err();
        assert_eq!(failed.code(), HttpFailure::NO_DAEMON);
        let again = cache.look(&link, model, false);
        assert!(again.found.peek().is_some(), "it is not looked for again at once");
        assert!(cache.look(&link, model, true).found.peek().is_none(), "but for whoever needs it");
    }
}
