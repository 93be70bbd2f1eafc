//! Whose socket is at the other end of a loopback connection.
//!
//! Loopback alone proves nothing: every user of the machine can connect. Linux tells the user of
//! the socket at the other end, in one exact look-up (`NETLINK_SOCK_DIAG`) or, where that is
//! forbidden, by reading `/proc/net/tcp` and `tcp6`. Elsewhere nobody is known and everybody signs.
//!
//! Three traps. A socket that was closed at once, or that waits out its time, is reported as user
//! 0's, which a region that runs as root must not take for its own: such sockets have no inode, and
//! without one the peer stays unknown. The addresses may belong to another connection by the time
//! of the look-up: that cannot be while our end is still connected, so that is checked *afterwards*
//! (by [`is_own_users`]'s caller handing in our live socket). And inside a user namespace foreign
//! users are all shown as the overflow user.

use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Whether the peer of `stream` is a process of the region's own user on this machine.
pub(super) fn is_own_users(stream: &TcpStream) -> bool {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return false };
    if !peer.ip().to_canonical().is_loopback() || !local.ip().to_canonical().is_loopback() {
        return false;
    }
    let Some(uid) = owner(peer, local) else { return false };
    // Still connected, so the four numbers named this connection and no other all along.
    own_uid() == Some(uid) && stream.peer_addr().is_ok()
}

/// Whether this system tells the user of a connection at all.
pub(super) fn tells_users() -> bool {
    own_uid().is_some()
}

#[cfg(not(target_os = "linux"))]
fn owner(_peer: SocketAddr, _local: SocketAddr) -> Option<u32> {
    None
}

#[cfg(not(target_os = "linux"))]
fn own_uid() -> Option<u32> {
    None
}

#[cfg(target_os = "linux")]
use linux::{own_uid, owner};

#[cfg(target_os = "linux")]
mod linux {
    use super::SocketAddr;
    use rustix::fd::OwnedFd;
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    };
    use std::cell::RefCell;
    use std::io::{BufRead, BufReader};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::sync::OnceLock;

    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NLM_F_REQUEST: u16 = 1;
    const TCP: u8 = 6;
    const HEADER: usize = 16;
    /// Where uid and inode stand in `struct inet_diag_msg`.
    const UID_AT: usize = 64;
    const INODE_AT: usize = 68;

    /// This process's effective user, unless others could be mistaken for it: in a user namespace
    /// that maps only some users, all the rest are shown as the overflow user.
    pub(super) fn own_uid() -> Option<u32> {
        static OWN: OnceLock<Option<u32>> = OnceLock::new();
        *OWN.get_or_init(|| {
            let own = rustix::process::geteuid().as_raw();
            let read = |path| std::fs::read_to_string(path).unwrap_or_default();
            let overflow = read("/proc/sys/kernel/overflowuid").trim().parse().unwrap_or(65_534);
            let all_mapped =
                read("/proc/self/uid_map").split_whitespace().eq(["0", "0", "4294967295"]);
            (own != overflow || all_mapped).then_some(own)
        })
    }

    /// The user of the socket whose own address is `peer` and which is connected to `local`.
    pub(super) fn owner(peer: SocketAddr, local: SocketAddr) -> Option<u32> {
        match by_netlink(peer, local) {
            Ok(answer) => answer,
            Err(_forbidden) => by_proc(peer, local),
        }
    }

    thread_local! {
        static DIAG: RefCell<Option<OwnedFd>> = const { RefCell::new(None) };
    }

    fn by_netlink(peer: SocketAddr, local: SocketAddr) -> rustix::io::Result<Option<u32>> {
        DIAG.with_borrow_mut(|kept| {
            // A fresh socket after any failure: an answer that was never read must not be taken
            // for the next question's.
            let socket = match kept.take() {
                Some(socket) => socket,
                None => socket_with(
                    AddressFamily::NETLINK,
                    SocketType::DGRAM,
                    SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                    Some(netlink::SOCK_DIAG),
                )?,
            };
            let question = question(peer, local);
            send(&socket, &question, SendFlags::empty())?;
            let mut answer = [0u8; 1024];
            let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
            let read = read_answer(answer.get(..length).unwrap_or_default());
            if read.is_ok() {
                *kept = Some(socket);
            }
            read
        })
    }

    /// `nlmsghdr` and `inet_diag_req_v2`, asking for one socket by its four numbers.
    pub(super) fn question(peer: SocketAddr, local: SocketAddr) -> [u8; 72] {
        let mut message = [0u8; 72];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = message.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        put(&72u32.to_ne_bytes());
        put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        put(&NLM_F_REQUEST.to_ne_bytes());
        put(&1u32.to_ne_bytes());
        put(&0u32.to_ne_bytes());
        put(&[family.as_raw() as u8, TCP, 0, 0]);
        put(&u32::MAX.to_ne_bytes());
        put(&peer.port().to_be_bytes());
        put(&local.port().to_be_bytes());
        put(&sixteen(peer.ip()));
        put(&sixteen(local.ip()));
        put(&0u32.to_ne_bytes());
        put(&[0xff; 8]);
        message
    }

    fn sixteen(ip: IpAddr) -> [u8; 16] {
        match ip {
            IpAddr::V4(ip) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&ip.octets());
                bytes
            }
            IpAddr::V6(ip) => ip.octets(),
        }
    }

    /// The user, `None` when there is no such socket or it has no inode; an error when the kernel
    /// does not answer such questions.
    fn read_answer(answer: &[u8]) -> rustix::io::Result<Option<u32>> {
        const ERROR: u16 = 2;
        const ENOENT: i32 = -2;
        let word = |at: usize| answer.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let kind = answer.get(4..6).and_then(|two| two.try_into().ok()).map(u16::from_ne_bytes);
        match kind {
            Some(SOCK_DIAG_BY_FAMILY) => {
                let (uid, inode) = (word(HEADER + UID_AT), word(HEADER + INODE_AT));
                Ok(uid.filter(|_| inode.is_some_and(|inode| inode != 0)))
            }
            Some(ERROR) if word(HEADER).map(u32::cast_signed) == Some(ENOENT) => Ok(None),
            _ => Err(rustix::io::Errno::NOTSUP),
        }
    }

    /// Reads the tables line by line: slow with many sockets, but everywhere.
    pub(super) fn by_proc(peer: SocketAddr, local: SocketAddr) -> Option<u32> {
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|path| {
            let table = BufReader::new(std::fs::File::open(path).ok()?);
            table.lines().map_while(Result::ok).skip(1).find_map(|line| {
                let mut words = line.split_whitespace();
                let own = parse_address(words.nth(1)?)?;
                let other = parse_address(words.next()?)?;
                if own != canonical(peer) || other != canonical(local) {
                    return None;
                }
                let uid = words.nth(4)?.parse().ok()?;
                let inode: u64 = words.nth(1)?.parse().ok()?;
                (inode != 0).then_some(uid)
            })
        })
    }

    fn canonical(address: SocketAddr) -> SocketAddr {
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }

    /// `0100007F:1C4A`, or 32 digits for IPv6: words in the machine's byte order.
    fn parse_address(text: &str) -> Option<SocketAddr> {
        let (ip, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let word =
            |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
        let ip = if ip.len() == 8 {
            IpAddr::V4(Ipv4Addr::from(word(0)?))
        } else {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut bytes = [0u8; 16];
            for (place, word) in bytes.chunks_mut(4).zip(words) {
                place.copy_from_slice(&word);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        };
        Some(canonical(SocketAddr::new(ip, port)))
    }

    #[cfg(test)]
    pub(super) fn both(peer: SocketAddr, local: SocketAddr) -> [Option<u32>; 2] {
        let netlink = by_netlink(peer, local).unwrap_or_else(|errno| {
            println!("SKIPPED half: this kernel answers no NETLINK_SOCK_DIAG question ({errno})");
            by_proc(peer, local)
        });
        [netlink, by_proc(peer, local)]
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream as StdStream};

    fn pair(listen: &str, connect: &str) -> (StdStream, StdStream) {
        let listener = TcpListener::bind(listen).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = StdStream::connect(connect.replace("PORT", &port.to_string())).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn both_ways_find_the_peers_user() {
        let own = rustix::process::geteuid().as_raw();
        let mut pairs = vec![pair("127.0.0.1:0", "127.0.0.1:PORT")];
        if TcpListener::bind("[::1]:0").is_ok() {
            pairs.push(pair("[::1]:0", "[::1]:PORT"));
            pairs.push(pair("127.0.0.1:0", "[::ffff:127.0.0.1]:PORT"));
        }
        for (client, server) in &pairs {
            let (peer, local) = (server.peer_addr().unwrap(), server.local_addr().unwrap());
            assert_eq!(linux::both(peer, local), [Some(own); 2], "{peer}");
            // The question is about one direction: the server's own socket is another.
            assert_eq!(client.peer_addr().unwrap().port(), local.port());
        }
    }

    #[test]
    fn a_socket_without_an_owner_is_nobodys() {
        let (client, server) = pair("127.0.0.1:0", "127.0.0.1:PORT");
        let (peer, local) = (server.peer_addr().unwrap(), server.local_addr().unwrap());
        drop(client);
        assert_eq!(linux::both(peer, local), [None; 2]);
    }

    #[tokio::test]
    async fn own_and_gone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().await.unwrap().0;
        assert!(is_own_users(&server));
        drop(client);
        assert!(!is_own_users(&server));
    }
}
