//! What goes wrong, and when: faults that wait for a matching call, for the n-th call, and the crash point.
//!
//! A crash point stands for the death of the program under test: from then on no call is answered, so the test can
//! drop the program at an exactly known moment, and let a new one find what the dead one left.

use std::collections::BTreeMap;

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status and body instead of the service's; nothing happens. A JSON body is sent as such.
    Status(u16, String),
    /// No answer, nothing happens; the connection breaks at [`crate::FakeCloud::resume`].
    Timeout,
    /// The connection breaks, nothing happens.
    DropConnection,
    /// The call has its effect, but the connection breaks before the answer.
    ApplyThenDrop,
}

/// On which side of a write's effect the crash lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The write has had no effect.
    Before,
    /// The write has had its effect; its answer is lost.
    After,
}

/// What is to be done with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Serve,
    Fail(Fault),
    /// Hang from now on, after applying this call's effect or not.
    Stop {
        apply: bool,
    },
}

#[derive(Debug, Default)]
pub(crate) struct FaultBoard {
    next: Vec<(String, Fault, u32)>,
    by_call: BTreeMap<u64, Fault>,
    stop: Option<(u64, When)>,
    stopped: bool,
    calls: u64,
    writes: u64,
}

impl FaultBoard {
    pub fn fail_next(&mut self, matcher: &str, fault: Fault, times: u32) {
        self.next.push((matcher.to_owned(), fault, times));
    }

    pub fn fail_call(&mut self, number: u64, fault: Fault) {
        self.by_call.insert(number, fault);
    }

    pub fn stop_at_write(&mut self, number: u64, when: When) {
        self.stop = Some((number, when));
    }

    /// Takes back every fault and crash point; the counts go on.
    pub fn clear(&mut self) {
        self.next.clear();
        self.by_call.clear();
        self.resume();
    }

    pub fn resume(&mut self) {
        self.stop = None;
        self.stopped = false;
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Counts the call and says what becomes of it. `call` is "METHOD /path?query".
    pub fn judge(&mut self, call: &str, is_write: bool) -> Verdict {
        if self.stopped {
            return Verdict::Stop { apply: false };
        }
        self.calls += 1;
        self.writes += u64::from(is_write);
        if let (true, Some((number, when))) = (is_write, self.stop)
            && self.writes == number
        {
            self.stopped = true;
            return Verdict::Stop { apply: when == When::After };
        }
        if let Some(fault) = self.by_call.remove(&self.calls) {
            return Verdict::Fail(fault);
        }
        let waiting =
            self.next.iter_mut().find(|(matcher, _, left)| *left > 0 && call.contains(matcher.as_str()));
        match waiting {
            Some((_, fault, left)) => {
                *left -= 1;
                Verdict::Fail(fault.clone())
            }
            None => Verdict::Serve,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_asked_and_only_where_it_matches() {
        let mut board = FaultBoard::default();
        board.fail_next("POST /heat", Fault::DropConnection, 1);
        assert_eq!(board.judge("GET /heat", false), Verdict::Serve);
        assert_eq!(board.judge("POST /heat/stacks", true), Verdict::Fail(Fault::DropConnection));
        assert_eq!(board.judge("POST /heat/stacks", true), Verdict::Serve);
        assert_eq!((board.calls(), board.writes()), (3, 2));
    }

    #[test]
    fn the_crash_point_counts_writes_only_and_hangs_everything_after() {
        let mut board = FaultBoard::default();
        board.stop_at_write(2, When::After);
        assert_eq!(board.judge("POST /a", true), Verdict::Serve);
        assert_eq!(board.judge("GET /a", false), Verdict::Serve);
        assert_eq!(board.judge("DELETE /a", true), Verdict::Stop { apply: true });
        assert_eq!(board.judge("GET /a", false), Verdict::Stop { apply: false });
        board.resume();
        assert_eq!(board.judge("GET /a", false), Verdict::Serve);
        assert_eq!(board.writes(), 2);
    }
}
