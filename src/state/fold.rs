//! `fold`: a state from events.

use crate::event::StoredEvent;

/// The state after these events, in the order in which they come.
///
/// ```
/// use eventcore_web::state::fold;
/// # use eventcore_web::testing::builders::StoredEventBuilder;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// # struct MoneyDeposited { cents: u64 }
/// # let events = [3, 4].map(|cents| StoredEventBuilder::new().with_payload(MoneyDeposited { cents }).build());
/// let balance = fold(0, &events, |balance, event| *balance += event.payload.cents);
/// assert_eq!(balance, 7);
/// ```
pub fn fold<'a, T, E: 'a>(
    initial: T,
    events: impl IntoIterator<Item = &'a StoredEvent<E>>,
    mut apply: impl FnMut(&mut T, &StoredEvent<E>),
) -> T {
    let mut state = initial;
    for event in events {
        apply(&mut state, event);
    }
    state
}
