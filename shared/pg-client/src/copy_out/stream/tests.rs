#![allow(clippy::unwrap_used)]
use std::task::Waker;

use tokio::io::AsyncReadExt;

use super::*;

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Gives at most `step` bytes per read, and has to be waited for each time.
struct Slow<'a> {
    bytes: &'a [u8],
    step: usize,
    awaited: bool,
}

impl<'a> Slow<'a> {
    fn new(bytes: &'a [u8], step: usize) -> Self {
        Self { bytes, step, awaited: false }
    }
}

impl AsyncRead for Slow<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.awaited = !self.awaited;
        if self.awaited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let count = self.step.min(self.bytes.len()).min(out.remaining());
        let (now, later) = self.bytes.split_at(count);
        out.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

/// What a COPY is to a server: the messages, those that pass, and the rows.
fn copy() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut sent, mut passing, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut send = |tag: u8, body: &[u8]| {
        let one = message(tag, body);
        if tag == COPY_DATA {
            rows.extend_from_slice(body)
        } else {
            passing.extend_from_slice(&one)
        }
        sent.extend(one);
    };
    send(b'2', b"");
    send(COPY_OUT_RESPONSE, &[0, 0, 1, 0, 0]);
    for row in 0..300u32 {
        send(COPY_DATA, &vec![b'a' + (row % 26) as u8; (row * 7 % 90) as usize]);
        if row % 97 == 3 {
            send(b'N', b"a notice");
        }
    }
    send(COPY_DATA, &vec![b'x'; 3 * BUFFER + 17]);
    send(COPY_DATA, b"");
    send(COPY_DONE, b"");
    send(b'C', b"COPY 302\0");
    send(b'Z', b"T");
    (sent, passing, rows)
}

/// What passes, and the rows that a reader gets which lends its buffer as soon as it may.
async fn read(sent: &[u8], step: usize, room: usize, lent: usize, loan: &Arc<Loan>) -> (Vec<u8>, Vec<u8>) {
    let mut stream = Messages::new(Slow::new(sent, step), Some(Arc::clone(loan)));
    let (mut passed, mut rows, mut part) = (Vec::new(), Vec::new(), vec![0; room]);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if loan.lock().stage == Stage::Running && loan.lock().room(&mut cx) == 0 {
            rows.append(&mut loan.reclaim());
            loan.lend(Vec::new(), lent);
        }
        let mut out = ReadBuf::new(&mut part);
        if Pin::new(&mut stream).poll_read(&mut cx, &mut out).is_ready() {
            if out.filled().is_empty() {
                rows.append(&mut loan.reclaim());
                return (passed, rows);
            }
            passed.extend_from_slice(out.filled());
        }
    }
}

#[tokio::test]
async fn rows_go_to_who_reads_them_and_all_else_passes_however_the_network_cuts_them() {
    let (mut sent, mut passing, mut rows) = copy();
    // Two of them: what ends one doesn't spoil the next.
    sent = sent.repeat(2);
    (passing, rows) = (passing.repeat(2), rows.repeat(2));
    for step in [1, 2, 3, 4, 5, 6, 7, 11, 64, 1000, 8192, usize::MAX] {
        for (room, lent) in [(1, 0), (5, 5000), (8192, 1 << 16), (1 << 20, 1 << 20)] {
            let loan = Arc::new(Loan::default());
            let half = sent.len() / 2;
            loan.expect();
            let (passed, got) = read(&sent[..half], step, room, lent, &loan).await;
            loan.expect();
            let (more, and) = read(&sent[half..], step, room, lent, &loan).await;
            assert!([passed, more].concat() == passing, "step {step} room {room}");
            assert!([got, and].concat() == rows, "step {step} room {room}");
        }
    }
}

#[tokio::test]
async fn rows_that_nobody_claimed_pass() {
    let (sent, ..) = copy();
    for step in [1, 7, 8192, usize::MAX] {
        let (passed, rows) = read(&sent, step, 8192, 1 << 16, &Arc::default()).await;
        assert!(passed == sent && rows.is_empty(), "step {step}");
    }
}

#[tokio::test]
async fn rows_that_were_left_unread_go_nowhere_and_the_next_ones_pass() {
    let (sent, passing, _) = copy();
    let both = sent.repeat(2);
    for step in [1, 7, 1000, usize::MAX] {
        let loan = Arc::new(Loan::default());
        loan.expect();
        let mut stream = Messages::new(Slow::new(&both, step), Some(Arc::clone(&loan)));
        let mut passed = vec![0; 15];
        stream.read_exact(&mut passed).await.unwrap();
        loan.lend(Vec::new(), 5000);
        // Some rows, and the beginning of a notice after them.
        passed.push(stream.read_u8().await.unwrap());
        loan.abandon();
        stream.read_to_end(&mut passed).await.unwrap();
        assert!(passed == [&passing[..], &sent].concat(), "step {step}");
    }
}

#[tokio::test]
async fn nothing_is_read_ahead_of_who_reads() {
    let sent: Vec<u8> =
        message(COPY_OUT_RESPONSE, &[0; 3]).into_iter().chain(message(COPY_DATA, &[b'x'; 100_000])).collect();
    let loan = Arc::new(Loan::default());
    loan.expect();
    let mut stream = Messages::new(Slow::new(&sent, 1000), Some(Arc::clone(&loan)));
    stream.read_exact(&mut [0; 8]).await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut part = [0; 100];
    let mut wait = || {
        for _ in 0..100 {
            assert!(Pin::new(&mut stream).poll_read(&mut cx, &mut ReadBuf::new(&mut part)).is_pending());
        }
    };
    for lent in [5000, 10_000] {
        wait();
        assert!(loan.reclaim().is_empty());
        loan.lend(Vec::new(), lent);
        wait();
        let mut cx = Context::from_waker(Waker::noop());
        let rows = loan.returned(&mut cx).unwrap();
        assert!(!rows.is_empty() && rows.len() <= lent, "{}", rows.len());
    }
}

#[tokio::test]
async fn message_of_negative_length_is_refused() {
    let mut stream = Messages::new(Slow::new(&[b'd', 0, 0, 0, 3], 5), Some(Arc::default()));
    assert!(stream.read(&mut [0; 10]).await.is_err());
}
