//! Receivers of segments: the X-Ray daemon, or the terminal.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use super::segment::Segment;

/// The line that precedes a document (X-Ray developer guide, "Sending trace data to X-Ray", "Sending segment documents to
/// the X-Ray daemon").
const HEADER: &str = "{\"format\": \"json\", \"version\": 1}\n";

/// A receiver of segments.
#[derive(Debug)]
pub enum Sink {
    /// The daemon, which receives datagrams. They are lost if it is away or slow.
    Daemon {
        /// The socket, which never blocks.
        socket: UdpSocket,
        /// The address of the daemon.
        address: SocketAddr,
    },
    /// The terminal, which shows the tree of the segments.
    #[cfg(feature = "local")]
    Terminal,
}

impl Sink {
    /// Opens a socket for datagrams to a daemon.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn daemon(address: SocketAddr) -> io::Result<Self> {
        let own: SocketAddr =
            if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(own)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Daemon { socket, address })
    }

    /// Sends a segment, or loses it: telemetry neither delays nor fails a request.
    pub(super) fn send(&self, segment: Segment) {
        match self {
            Self::Daemon { socket, address } => {
                for document in segment.into_documents() {
                    let _ = socket.send_to(format!("{HEADER}{document}").as_bytes(), address);
                }
            }
            #[cfg(feature = "local")]
            Self::Terminal => super::readable::print_tree(&segment),
        }
    }
}
