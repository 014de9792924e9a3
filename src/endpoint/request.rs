//! Requests and what they ask for.

use crate::error::StoreError;
use crate::event::SpaceId;
use crate::protocol;
use crate::version::Cursor;

/// An HTTP request, as far as the endpoint looks at it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, percent-encoded as it came, without the query.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// What the client states in [`protocol::VERSION_HEADER`].
    pub protocol: Option<String>,
    /// `Last-Event-ID`: where a stream of events broke off.
    pub last_event_id: Option<String>,
    /// The body, where it is there already.
    pub body: Vec<u8>,
}

/// What a caller must be allowed to do in a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Pull events.
    Read,
    /// Push commits.
    Write,
}

impl Right {
    /// As tokens name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Write commits.
    Push {
        /// The space.
        space: SpaceId,
    },
    /// Read a page of the feed.
    Events {
        /// The space.
        space: SpaceId,
        /// Where to go on.
        after: Cursor,
        /// At most so many events.
        limit: Option<usize>,
    },
    /// Follow the feed.
    Live {
        /// The space.
        space: SpaceId,
        /// Where to go on.
        after: Cursor,
    },
    /// Whether the process is alive.
    Health,
    /// Whether it can serve.
    Ready,
    /// What it answers to.
    OpenApi,
}

impl Route {
    /// The space and the right that the request needs; none for what everybody may ask.
    pub const fn needs(&self) -> Option<(&SpaceId, Right)> {
        match self {
            Self::Push { space } => Some((space, Right::Write)),
            Self::Events { space, .. } | Self::Live { space, .. } => Some((space, Right::Read)),
            Self::Health | Self::Ready | Self::OpenApi => None,
        }
    }
}

/// Why a request has no route.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoRoute {
    NotFound,
    MethodNotAllowed(&'static str),
    Invalid(StoreError),
}

impl From<StoreError> for NoRoute {
    fn from(error: StoreError) -> Self {
        Self::Invalid(error)
    }
}

impl Request {
    /// What the request asks for.
    pub(super) fn route(&self) -> Result<Route, NoRoute> {
        let segments: Vec<&str> = self.path.trim_matches('/').split('/').collect();
        match (segments.as_slice(), self.method.as_str()) {
            (["healthz"], "GET") => Ok(Route::Health),
            (["readyz"], "GET") => Ok(Route::Ready),
            (["openapi.json"], "GET") => Ok(Route::OpenApi),
            (["v1", "spaces", space, "push"], "POST") => Ok(Route::Push { space: self.space(space)? }),
            (["v1", "spaces", space, "events"], "GET") => {
                let (space, after) = (self.space(space)?, Self::after(self.number("after")?)?);
                let limit = self.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
                Ok(Route::Events { space, after, limit })
            }
            (["v1", "spaces", space, "live"], "GET") => {
                // A stream that broke off is asked for again by the same address.
                let after = match &self.last_event_id {
                    Some(id) => Some(whole_number("Last-Event-ID", id)?),
                    None => self.number("after")?,
                };
                Ok(Route::Live { space: self.space(space)?, after: Self::after(after)? })
            }
            (["healthz" | "readyz" | "openapi.json"] | ["v1", "spaces", _, "events" | "live"], _) => {
                Err(NoRoute::MethodNotAllowed("GET"))
            }
            (["v1", "spaces", _, "push"], _) => Err(NoRoute::MethodNotAllowed("POST")),
            _ => Err(NoRoute::NotFound),
        }
    }

    /// The space that a request of the protocol names.
    fn space(&self, encoded: &str) -> Result<SpaceId, StoreError> {
        self.check_protocol()?;
        read_space(encoded)
    }

    fn after(number: Option<u64>) -> Result<Cursor, StoreError> {
        Cursor::try_from(number.unwrap_or(0))
            .map_err(|error| StoreError::InvalidRequest(format!("after: {error}")))
    }

    /// A client that states a protocol must state one that is spoken here.
    fn check_protocol(&self) -> Result<(), StoreError> {
        match &self.protocol {
            Some(stated) if stated.trim() != protocol::VERSION.to_string() => {
                Err(StoreError::ProtocolUnsupported(format!(
                    "the client speaks {stated:?}, this endpoint {}",
                    protocol::VERSION
                )))
            }
            _ => Ok(()),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let mut found = None;
        for pair in self.query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if key == name {
                found = Some(whole_number(name, value)?);
            }
        }
        Ok(found)
    }
}

fn whole_number(name: &str, text: &str) -> Result<u64, StoreError> {
    text.parse()
        .map_err(|_| StoreError::InvalidRequest(format!("{name} must be a whole number, not {text:?}")))
}

fn read_space(encoded: &str) -> Result<SpaceId, StoreError> {
    let text = percent_decode(encoded)
        .ok_or_else(|| StoreError::InvalidRequest(format!("the space {encoded:?} is not well encoded")))?;
    Ok(SpaceId::try_new(text)?)
}

/// Undoes percent-encoding; none where it is malformed or not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, query: &str) -> Result<Route, NoRoute> {
        Request { method: "GET".into(), path: path.into(), query: query.into(), ..Request::default() }.route()
    }

    #[test]
    fn a_space_is_percent_decoded_and_checked() {
        let space = SpaceId::try_new("team ä/1").unwrap();
        assert_eq!(
            get("/v1/spaces/team%20%C3%A4%2F1/events", "after=7&limit=10"),
            Ok(Route::Events { space, after: Cursor::new(7), limit: Some(10) })
        );
        for path in
            ["/v1/spaces/%/events", "/v1/spaces/%zz/events", "/v1/spaces/%ff/events", "/v1/spaces//events"]
        {
            assert!(matches!(get(path, ""), Err(NoRoute::Invalid(_))), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_said() {
        assert_eq!(get("/v2", ""), Err(NoRoute::NotFound));
        assert_eq!(get("/v1/spaces/a/push", ""), Err(NoRoute::MethodNotAllowed("POST")));
        assert!(matches!(get("/v1/spaces/a/events", "after=-1"), Err(NoRoute::Invalid(_))));
        assert!(matches!(get("/v1/spaces/a/events", "after=9007199254740992"), Err(NoRoute::Invalid(_))));
    }

    #[test]
    fn a_client_of_another_protocol_is_refused() {
        let request = |protocol: Option<&str>| Request {
            method: "GET".into(),
            path: "/v1/spaces/a/events".into(),
            protocol: protocol.map(Into::into),
            ..Request::default()
        };
        assert!(request(None).route().is_ok());
        assert!(request(Some("1")).route().is_ok());
        assert!(matches!(
            request(Some("2")).route(),
            Err(NoRoute::Invalid(StoreError::ProtocolUnsupported(_)))
        ));
    }
}
