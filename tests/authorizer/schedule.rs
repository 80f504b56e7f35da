//! The schedule of refreshes.

use std::time::{Duration, Instant};

use serverless_crud::authorizer::{Intervals, Schedule};

const REFILL: Duration = Duration::from_secs(15);
const PERIOD: Duration = Duration::from_secs(600);
const MINUTE: Duration = Duration::from_secs(60);

fn schedule() -> (Schedule, Instant) {
    let start = Instant::now();
    (Schedule::new(Intervals::default(), start), start)
}

#[test]
fn invented_keys_cause_four_refreshes_and_one_in_15_seconds() {
    let (mut schedule, start) = schedule();
    let taken = |schedule: &mut Schedule, now| (0..1000).filter(|n| schedule.take(&n.to_string(), now)).count();
    assert_eq!(taken(&mut schedule, start), 4);
    assert_eq!(taken(&mut schedule, start + REFILL / 2), 0);
    assert_eq!(taken(&mut schedule, start + REFILL), 1);
    assert_eq!(taken(&mut schedule, start + REFILL * 100), 4);
}

#[test]
fn repeated_invented_key_causes_one_refresh_a_minute_and_leaves_others() {
    let (mut schedule, start) = schedule();
    assert!(schedule.take("invented", start));
    schedule.remember_absent("invented", start);
    assert!((0..1000).all(|_| !schedule.take("invented", start)));
    assert!(schedule.take("new", start));
    assert!(schedule.take("invented", start + MINUTE));
}

#[test]
fn keys_are_due_after_ten_minutes_and_a_minute_after_a_failure() {
    let (mut schedule, start) = schedule();
    assert!(!schedule.is_due(start) && schedule.is_due(start + PERIOD));
    schedule.ended(false, start + PERIOD);
    assert!(!schedule.is_due(start + PERIOD) && schedule.is_due(start + PERIOD + MINUTE));
    schedule.ended(true, start + PERIOD);
    assert!(!schedule.is_due(start + PERIOD + MINUTE) && schedule.is_due(start + PERIOD * 2));
}

#[test]
fn many_remembered_keys_do_not_keep_out_new_ones() {
    let (mut schedule, start) = schedule();
    (0..10_000).for_each(|n| schedule.remember_absent(&n.to_string(), start));
    assert!(schedule.take("new", start));
}
