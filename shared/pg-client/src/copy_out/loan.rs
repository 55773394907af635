use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Less room than this isn't worth a read.
const LEAST: usize = 4 << 10;

/// The buffer that a reader lends to the connection's task, which fills it: no further ahead than that.
#[derive(Default)]
pub(crate) struct Loan(Mutex<State>);

#[derive(Default)]
pub(super) struct State {
    pub(super) stage: Stage,
    /// Where rows go.
    pub(super) rows: Vec<u8>,
    /// How much may be added to them. 0 once the reader is to have them back.
    room: usize,
    reader: Option<Waker>,
    filler: Option<Waker>,
}

/// Whose the rows are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody's.
    #[default]
    Unclaimed,
    /// Those of the COPY that begins next are the reader's.
    Expected,
    /// They are the reader's.
    Running,
}

impl Loan {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn expect(&self) {
        self.lock().stage = Stage::Expected;
    }

    /// The rows that come are nobody's any more.
    pub(super) fn abandon(&self) {
        let filler = {
            let mut state = self.lock();
            *state = State { filler: state.filler.take(), ..State::default() };
            state.filler.take()
        };
        wake(filler);
    }

    pub(super) fn lend(&self, mut rows: Vec<u8>, room: usize) {
        let room = room.max(LEAST);
        rows.reserve(room);
        let filler = {
            let mut state = self.lock();
            (state.rows, state.room) = (rows, room);
            state.filler.take()
        };
        wake(filler);
    }

    /// The buffer, once it is full. The reader is told when it is worth to ask again.
    pub(super) fn returned(&self, cx: &mut Context<'_>) -> Option<Vec<u8>> {
        let mut state = self.lock();
        if state.room == 0 {
            return Some(std::mem::take(&mut state.rows));
        }
        remember(&mut state.reader, cx);
        None
    }

    /// The buffer, with what is in it.
    pub(super) fn reclaim(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.room = 0;
        std::mem::take(&mut state.rows)
    }
}

impl State {
    /// How much may be added to the rows now. If nothing, the connection's task is told when that changes.
    pub(super) fn room(&mut self, cx: &mut Context<'_>) -> usize {
        if self.room == 0 {
            remember(&mut self.filler, cx);
        }
        self.room
    }

    /// So much was added.
    pub(super) fn added(&mut self, count: usize) {
        self.room = self.room.saturating_sub(count);
        if self.room < LEAST {
            self.room = 0;
            wake(self.reader.take());
        }
    }
}

fn remember(waker: &mut Option<Waker>, cx: &mut Context<'_>) {
    if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
