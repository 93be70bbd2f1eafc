//! Who is let in.
//!
//! The region belongs to one user of one machine. A request is believed when it is signed with the
//! region's own key or with one that the region's AssumeRole gave out, and then every signature is
//! verified; or when its connection is proven to come from a process of the region's own user on
//! this machine, and then it may be unsigned, or signed with whatever dummy keys an SDK was given. A
//! signature that names a key of the region is verified whoever sends it.
//!
//! A web page is the stranger that a loopback listener meets most: the user's own browser would
//! send its requests with the user's own sockets. No SDK sends the headers by which a browser gives
//! itself away, and none calls us by another's name, so whatever does is refused, signed or not.

use super::Credentials;
use super::connection::Peer;
use crate::api::codec::Head;
use crate::api::error::AwsError;
use crate::api::signing::{self, Dialect, Presented, Scope, Second, SignatureError};
use crate::domain::host;
use crate::domain::time::Timestamp;
use http::header::{HOST, ORIGIN, REFERER};
use http::{HeaderMap, Method, Uri};

/// A secret and, for keys given out for a time, the token that goes with it.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) secret_key: String,
    pub(super) session_token: Option<String>,
}

/// What is known of a key that is not the region's own.
pub(super) enum Known {
    No,
    Expired,
    Yes(Secret),
}

/// Who comes in, and what is still to be proven once the body is there.
pub(super) struct Entry {
    /// The key that signed; `None` when nothing did.
    pub(super) access_key: Option<String>,
    proof: Option<(Proof, Secret)>,
}

/// A signature by a key of the region, to be verified whoever sends it.
enum Proof {
    Fourth(Presented),
    /// With the bucket that stands in the host.
    Second(Second, Option<String>),
}

/// Which of AWS's vocabularies a refusal uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// `AccessDeniedException`: services that speak JSON or CBOR.
    Json,
    /// `AccessDenied`: services that speak XML.
    Xml,
    /// S3, which has words of its own.
    S3,
}

/// What a request may do without a believed signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// All: it is the region's own user's, and addressed to this machine.
    Owner,
    /// Nothing: nobody knows whose it is.
    Stranger,
    /// Nothing: it is the user's own, but under a name that others may have led here.
    NamedAsAws,
}

/// The door of one region.
pub(super) struct Door {
    key: Credentials,
    /// Every port that the region listens on, its first one first.
    ports: Vec<u16>,
}

impl Door {
    pub(super) fn new(key: Credentials, ports: Vec<u16>) -> Self {
        Self { key, ports }
    }

    /// What is wrong with the request whoever sent it: a browser's, another host's, a method that
    /// nothing here has.
    pub(super) fn check_head(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Peer,
        words: Words,
    ) -> Result<(), AwsError> {
        if !matches!(
            *method,
            Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE
        ) {
            return Err(AwsError::new(
                405,
                "MethodNotAllowed",
                format!("{method} is not a method that the AWS API uses."),
            ));
        }
        if let Some(hint) = browser_hint(headers) {
            return Err(words.denied(format!(
                "The request carries {hint}, as requests that a web page makes do. Pages have no \
                 access to the region; use an AWS SDK, the AWS CLI or `sagebrush`."
            )));
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let named = uri.authority().map_or(host, http::uri::Authority::as_str);
        if !self.is_own_host(host, peer) || !self.is_own_host(named, peer) {
            return Err(words.denied(format!(
                "The request is addressed to the host \"{}\", which is not this region. Use \
                 http://localhost:{port} or http://127.0.0.1:{port} as the endpoint.",
                host.escape_default(),
                port = self.ports.first().copied().unwrap_or_default(),
            )));
        }
        Ok(())
    }

    /// Whether a request may go without a believed signature. Under a name of AWS's it may not, unless
    /// the region's own proxy has led it here: whoever answers the machine's questions for names can
    /// make such a name mean this machine, and a page of that name would then be of the same origin.
    pub(super) fn trust(&self, headers: &HeaderMap, peer: Peer) -> Trust {
        let named = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        match peer {
            Peer { own: false, .. } => Trust::Stranger,
            Peer { proxied: true, .. } => Trust::Owner,
            _ if host::is_loopback(&host::normalized(named)) => Trust::Owner,
            _ => Trust::NamedAsAws,
        }
    }

    /// Lets in or refuses by what the head says; [`Entry::prove`] completes it.
    pub(super) fn admit(
        &self,
        head: &Head<'_>,
        trust: Trust,
        words: Words,
        secret_of: impl Fn(&str) -> Known,
    ) -> Result<Entry, AwsError> {
        let presented = match signing::second(head) {
            Some(second) => {
                Some((second.access_key.clone(), Proof::Second(second, bucket_of(head))))
            }
            None => match signing::presented(head) {
                Ok(presented) => presented
                    .map(|presented| (presented.access_key.clone(), Proof::Fourth(presented))),
                // Half a signature is as good as none from the region's own user, as dummy keys
                // are, unless it names a key of the region.
                Err(_) if trust == Trust::Owner && !self.names_own_key(head, &secret_of) => None,
                Err(error) => return Err(error.in_words_of(words.dialect())),
            },
        };
        let Some((access_key, proof)) = presented else {
            return match trust {
                Trust::Owner => Ok(Entry { access_key: None, proof: None }),
                _ => Err(words.unsigned(&self.stranger(trust))),
            };
        };
        match self.secret(&access_key, secret_of) {
            Known::Yes(secret) => {
                Ok(Entry { access_key: Some(access_key), proof: Some((proof, secret)) })
            }
            Known::Expired => Err(words.expired()),
            Known::No if trust == Trust::Owner => {
                Ok(Entry { access_key: Some(access_key), proof: None })
            }
            Known::No => Err(words.unknown_key(&self.stranger(trust))),
        }
    }

    fn names_own_key(&self, head: &Head<'_>, secret_of: impl Fn(&str) -> Known) -> bool {
        let named = signing::named_key(head);
        named.is_some_and(|key| !matches!(self.secret(&key, secret_of), Known::No))
    }

    fn secret(&self, access_key: &str, secret_of: impl Fn(&str) -> Known) -> Known {
        if access_key == self.key.access_key {
            let secret_key = self.key.secret_key.clone();
            return Known::Yes(Secret { secret_key, session_token: None });
        }
        secret_of(access_key)
    }

    /// A name of this machine with one of our ports, spelled as a number is; or a name of AWS's, as
    /// clients behind the region's own proxy send, and others that sign ([`Door::trust`]). A page that
    /// had its own name resolve to 127.0.0.1 would still send that name.
    fn is_own_host(&self, host: &str, peer: Peer) -> bool {
        let name = host::normalized(host);
        if host::is_aws(&name) {
            return true;
        }
        let port = host::split_port(host).1;
        let own = |port: &str| self.ports.iter().any(|own| own.to_string() == port);
        host::is_loopback(&name)
            && (peer.proxied || port.map_or_else(|| self.ports.contains(&80), own))
    }
}

impl Entry {
    /// What a verified request says of its body; `None` when nothing was signed that is believed,
    /// or in a way that does not cover the body.
    pub(super) fn proven(&self) -> Option<&Presented> {
        match &self.proof {
            Some((Proof::Fourth(presented), _)) => Some(presented),
            _ => None,
        }
    }

    /// Whether there is a signature to verify.
    pub(super) fn is_signed(&self) -> bool {
        self.proof.is_some()
    }

    /// Verifies the signature and what it is for. `body_sha256` is the hash of the body, where it has
    /// been read.
    pub(super) fn prove(
        &self,
        head: &Head<'_>,
        body_sha256: Option<&str>,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let Some((proof, secret)) = &self.proof else { return Ok(()) };
        let (key, token) = (&secret.secret_key, secret.session_token.as_deref());
        match proof {
            Proof::Fourth(presented) => {
                presented.verify(head, key, token, body_sha256, now)?;
                wanted.check(&presented.scope)
            }
            Proof::Second(second, bucket) => {
                second.verify(head, bucket.as_deref(), key, token, now)
            }
        }
    }

    /// The secret that signs a body chunk by chunk, when the request's signature is believed.
    pub(super) fn secret_key(&self) -> Option<&str> {
        self.proof.as_ref().map(|(_, secret)| secret.secret_key.as_str())
    }
}

/// What a believed signature has to be scoped to.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The service's signing name; `None` where the body is yet to tell.
    pub(super) service: Option<&'static str>,
    pub(super) region: String,
}

/// Services with one endpoint for all regions, which clients address in this one.
const GLOBAL: [&str; 2] = ["iam", "sts"];
const GLOBAL_REGION: &str = "us-east-1";

impl Wanted {
    fn check(&self, scope: &Scope) -> Result<(), SignatureError> {
        let service = scope.service.as_str();
        let is_global = GLOBAL.contains(&service) && scope.region == GLOBAL_REGION;
        if scope.region != self.region && !is_global {
            let (given, here) = (scope.region.clone(), self.region.clone());
            return Err(SignatureError::Region { given, here });
        }
        match self.service {
            Some("s3") if service == "s3express" => Ok(()),
            Some(wanted) if wanted != service => Err(SignatureError::Service(wanted.to_owned())),
            _ => Ok(()),
        }
    }
}

impl Words {
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Json => Dialect::Json,
            Self::Xml => Dialect::Query,
            Self::S3 => Dialect::S3,
        }
    }

    pub(super) fn denied(self, message: String) -> AwsError {
        let code = if self == Self::Json { "AccessDeniedException" } else { "AccessDenied" };
        AwsError::new(403, code, message)
    }

    fn unsigned(self, why: &str) -> AwsError {
        let code = match self {
            Self::Json => "MissingAuthenticationTokenException",
            Self::Xml => "MissingAuthenticationToken",
            Self::S3 => "AccessDenied",
        };
        AwsError::new(403, code, format!("The request is not signed, and {why}"))
    }

    fn expired(self) -> AwsError {
        let code = if self == Self::Json { "ExpiredTokenException" } else { "ExpiredToken" };
        AwsError::new(403, code, "The security token included in the request is expired")
    }

    fn unknown_key(self, why: &str) -> AwsError {
        let code = match self {
            Self::Json => "UnrecognizedClientException",
            Self::Xml => "InvalidClientTokenId",
            Self::S3 => "InvalidAccessKeyId",
        };
        AwsError::new(
            403,
            code,
            format!("The request is signed with a key that is not the region's, and {why}"),
        )
    }
}

impl Door {
    fn stranger(&self, trust: Trust) -> String {
        let why = if trust == Trust::NamedAsAws {
            "it is addressed to a name of AWS's, under which this port takes no other. Address \
             localhost, use `sagebrush exec`, or sign"
        } else {
            "its connection is not known to come from the region's own user on this machine, which \
             alone may do that. Sign"
        };
        format!(
            "{why} with the key in the workspace's .sagebrush/credentials \
             ({}); `sagebrush env` prints what a shell needs.",
            self.key.access_key
        )
    }
}

/// The header by which a browser gives itself away.
fn browser_hint(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(ORIGIN) {
        return Some("an Origin header");
    }
    if headers.contains_key(REFERER) {
        return Some("a Referer header");
    }
    let mut hints = headers.keys().filter(|name| name.as_str().starts_with("sec-fetch-"));
    hints.next()?;
    // `none`: typed into the address bar by the user.
    let typed = headers.get_all("sec-fetch-site").iter().all(|site| site == "none")
        && headers.contains_key("sec-fetch-site");
    (!typed).then_some("Sec-Fetch headers")
}

fn bucket_of(head: &Head<'_>) -> Option<String> {
    host::bucket(head.headers.get(HOST)?.to_str().ok()?)
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
