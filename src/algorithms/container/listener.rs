//! Where a serving container listens: on the socket it inherited as stdin, else on its own port 8080.

use crate::algorithms::Failure;
use rustix::net::AddressFamily;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// One accepted connection.
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    /// Takes the listening socket that stdin is. Where it is none, as in a Docker container, listens on
    /// SAGEMAKER_BIND_TO_PORT (8080 unless set), as SageMaker's containers do.
    pub(super) fn inherited() -> Result<Self, Failure> {
        let stdin = std::io::stdin();
        let listening = rustix::net::sockopt::socket_acceptconn(stdin.as_fd()).unwrap_or(false);
        if !listening {
            return Self::bind();
        }
        let fault = |error: std::io::Error| {
            Failure::internal(format!("stdin is a socket that cannot be used: {error}"))
        };
        let owned: OwnedFd = stdin.as_fd().try_clone_to_owned().map_err(fault)?;
        let family =
            rustix::net::sockopt::socket_domain(&owned).map_err(|error| fault(error.into()))?;
        let listener = if family == AddressFamily::UNIX {
            Self::Unix(UnixListener::from(owned))
        } else {
            Self::Tcp(TcpListener::from(owned))
        };
        // The parent may have had it non-blocking; a thread that waits for connections wants it to block.
        match &listener {
            Self::Unix(listener) => listener.set_nonblocking(false).map_err(fault)?,
            Self::Tcp(listener) => listener.set_nonblocking(false).map_err(fault)?,
        }
        Ok(listener)
    }

    fn bind() -> Result<Self, Failure> {
        let port = match std::env::var("SAGEMAKER_BIND_TO_PORT") {
            Ok(text) => text.trim().parse().map_err(|_| {
                Failure::client(format!(
                    "SAGEMAKER_BIND_TO_PORT is {text:?}; it must be a port number"
                ))
            })?,
            Err(_) => 8080_u16,
        };
        TcpListener::bind(("0.0.0.0", port))
            .map(Self::Tcp)
            .map_err(|error| Failure::internal(format!("cannot listen on port {port}: {error}")))
    }

    pub(super) fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
