//! The contract of [`EventStore`]: laws that every implementation keeps, whatever it
//! is made of.
//!
//! Natively one line makes a test of each law:
//!
//! ```
//! # mod laws {
//! use eventcore_web::store::InMemoryEventStore;
//! use eventcore_web::testing::contract;
//!
//! contract::suite!(memory, || async { InMemoryEventStore::new() });
//! # }
//! ```
//!
//! A store that needs a runtime brings it as a third argument, a closure that runs a future to its end:
//! `contract::suite!(postgres, fresh_store, |law| runtime().block_on(law))`. Where there is no `#[test]`, as in
//! a browser, go through [`laws`] and call [`run_law`] with each.
//!
//! Laws start from an empty store of their own, need no timer but as a limit to waiting, and write through many
//! futures at once where it matters, never through threads: a store that checks, waits and then writes is
//! found out on one thread. They say nothing of what only some stores do: sync, other limits than the default
//! ones.

mod batches;
mod concurrency;
mod content;
mod evidence;
mod evolution;
mod expectations;
mod feed;
mod following;
mod identity;
mod limits;
mod pages;
mod streams;

use crate::event::JsonEvent;
use crate::maybe::{MaybeSend, MaybeSync};
use crate::store::EventStore;

use evidence::Verdict;

/// Makes stores to hold against the laws. Every `Fn() -> impl Future<Output = Store>` is one.
pub trait StoreFactory: MaybeSync {
    /// The store.
    type Store: EventStore<Event = JsonEvent>;

    /// A fresh, empty store that shares nothing with those before it.
    fn create(&self) -> impl Future<Output = Self::Store> + MaybeSend;
}

impl<F, Created> StoreFactory for F
where
    F: Fn() -> Created + MaybeSync,
    Created: Future + MaybeSend,
    Created::Output: EventStore<Event = JsonEvent>,
{
    type Store = Created::Output;

    fn create(&self) -> impl Future<Output = Self::Store> + MaybeSend {
        self()
    }
}

/// The laws, by module. Everything else that names them is made from this list.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_laws {
    ($callback:path, $($arguments:tt)*) => {
        $callback! {
            {
                expectations::no_stream_holds_only_of_an_absent_stream
                expectations::exact_holds_only_at_that_version
                expectations::any_holds_only_of_a_present_stream
                expectations::no_check_always_holds
                expectations::versions_count_from_one
                expectations::a_conflict_names_the_streams_that_are_not_as_expected
                expectations::the_result_tells_versions_positions_and_ids
                batches::a_batch_numbers_the_events_of_each_stream
                batches::a_later_event_repeats_the_expectation_or_runs_on
                batches::a_contradiction_is_refused_before_anything_is_written
                batches::an_empty_batch_is_refused
                batches::an_id_stands_once_in_a_batch
                batches::one_stale_stream_refuses_the_whole_batch
                batches::a_precondition_guards_a_stream_that_is_only_read
                batches::a_failed_precondition_refuses_the_whole_batch
                batches::a_precondition_does_not_contradict_an_event
                limits::a_payload_fits_up_to_its_limit
                limits::metadata_fits_up_to_its_limit
                limits::a_batch_has_its_limits
                limits::every_stream_id_is_a_stream_of_its_own
                identity::ids_are_unique_and_increase
                identity::a_given_id_is_kept
                identity::a_repeat_answers_with_the_first_result
                identity::a_repeat_comes_before_any_version_check
                identity::a_repeat_may_spell_its_content_otherwise
                identity::an_id_with_other_content_is_refused
                identity::part_of_a_commit_is_no_repeat
                identity::concurrent_repeats_write_once
                content::payloads_come_back_as_they_were
                content::metadata_comes_back_as_it_was
                content::what_metadata_leaves_out_follows_from_the_batch
                content::event_types_come_back_as_they_were
                content::times_are_kept_to_the_millisecond
                evolution::events_of_every_generation_are_read
                evolution::an_event_of_a_newer_schema_is_named
                streams::an_absent_stream_is_empty
                streams::a_read_sees_every_write_before_it
                streams::version_ranges_include_both_ends
                streams::at_most_so_many_events_are_read
                streams::backwards_is_the_reverse
                streams::the_version_is_that_of_the_whole_stream
                streams::a_stream_can_be_filtered
                streams::streams_come_in_the_order_asked_for
                streams::streams_merge_in_feed_order
                feed::positions_are_dense_and_in_commit_order
                feed::a_prefix_is_literal
                feed::types_select_exactly
                feed::after_an_event_goes_on_behind_it
                feed::after_an_unknown_event_is_an_error
                feed::the_feed_reads_backwards
                pages::pages_cover_everything_once
                pages::pages_cover_everything_once_backwards
                pages::a_filtered_page_passes_only_what_it_looked_at
                pages::the_cursor_of_an_empty_page_is_safe
                pages::a_page_says_whether_it_is_complete
                concurrency::of_writers_with_one_expectation_one_wins
                concurrency::of_writers_that_create_a_stream_one_wins
                concurrency::writers_without_expectation_all_win
                concurrency::preconditions_prevent_write_skew
                concurrency::commits_of_several_streams_do_not_interleave
                concurrency::readers_see_whole_commits
                concurrency::a_conflict_leaves_nothing_behind
                concurrency::readers_skip_nothing_while_others_write
                following::a_subscription_delivers_what_is_there_then_what_comes
                following::nothing_is_lost_or_repeated_at_the_seam
                following::a_subscription_filters
                following::a_subscription_starts_after_a_cursor_or_an_event
                following::a_subscription_cannot_start_after_an_unknown_event
                following::a_slow_reader_gets_everything
                following::a_dropped_subscription_leaves_the_store_alone
                following::subscriptions_do_not_share_events
            }
            $($arguments)*
        }
    };
}

macro_rules! dispatch {
    ({ $($module:ident::$law:ident)* }) => {
        /// The names of the laws, in reading order.
        pub const fn laws() -> &'static [&'static str] {
            &[$(stringify!($law)),*]
        }

        /// Holds fresh stores against one law.
        ///
        /// # Errors
        /// What was violated, with the evidence; or that there is no law of this name.
        pub async fn run_law<F: StoreFactory>(name: &str, factory: &F) -> Result<(), String> {
            let verdict: Verdict = match name {
                $(stringify!($law) => $module::$law(factory).await,)*
                _ => Err("there is no such law".into()),
            };
            verdict.map_err(|evidence| format!("{name}: {evidence}"))
        }
    };
}

__contract_laws!(dispatch,);

/// A module of tests, one per law: `suite!(name, factory)` or `suite!(name, factory, run)`, where `run` takes a
/// future and runs it to its end.
#[doc(inline)]
pub use crate::__contract_suite as suite;

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_suite {
    ($name:ident, $factory:expr $(,)?) => {
        $crate::testing::contract::suite!($name, $factory, $crate::testing::block_on);
    };
    ($name:ident, $factory:expr, $run:expr $(,)?) => {
        $crate::__contract_laws!($crate::__contract_tests, $name, $factory, $run);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    ({ $($module:ident::$law:ident)* } $name:ident, $factory:expr, $run:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "the factory may name what stands around the suite")]
            use super::*;

            // The factory stands here once, so that each law is compiled once per suite.
            fn hold(law: &str) {
                let verdict: Result<(), String> =
                    ($run)($crate::testing::contract::run_law(law, &$factory));
                if let Err(evidence) = verdict {
                    panic!("{evidence}");
                }
            }

            $(
                #[test]
                fn $law() {
                    hold(stringify!($law));
                }
            )*
        }
    };
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::store::InMemoryEventStore;

    suite!(memory, || async { InMemoryEventStore::new() });

    #[test]
    fn a_law_that_does_not_exist_is_no_success() {
        let verdict = crate::testing::block_on(run_law("none", &|| async { InMemoryEventStore::new() }));
        assert_eq!(verdict, Err("none: there is no such law".into()));
    }
}
