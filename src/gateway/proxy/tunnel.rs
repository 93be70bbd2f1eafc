//! Bytes that pass by between a client and a host that is not AWS's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

/// How long a tunnel may be silent: clients keep connections for later.
const SILENCE: Duration = Duration::from_secs(60 * 60);

/// Copies both ways until both have ended, or nothing has come for long.
pub(super) async fn pump<A, B>(client: &mut A, host: &mut B)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Arc::new(AtomicU64::new(0));
    let mut client = Counted { stream: client, moved: Arc::clone(&moved) };
    let mut host = Counted { stream: host, moved: Arc::clone(&moved) };
    let silence = async {
        loop {
            let before = moved.load(Ordering::Relaxed);
            tokio::time::sleep(SILENCE).await;
            if moved.load(Ordering::Relaxed) == before {
                break;
            }
        }
    };
    tokio::select! {
        ended = copy_bidirectional(&mut client, &mut host) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a tunnel broke off");
            }
        }
        () = silence => tracing::debug!("a silent tunnel is closed"),
    }
}

/// Counts what is read.
struct Counted<'a, S> {
    stream: &'a mut S,
    moved: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let answer = Pin::new(&mut *self.stream).poll_read(cx, buffer);
        if answer.is_ready() {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}
